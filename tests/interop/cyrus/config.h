/* What the SRP plugin of Cyrus SASL has to know of this kind of machine, instead of its configure's findings. */
#define HAVE_UNISTD_H 1
#define HAVE_SYS_UIO_H 1
#define HAVE_GETADDRINFO 1
#define HAVE_GETNAMEINFO 1
#define HAVE_STRUCT_SOCKADDR_STORAGE 1
#define HAVE_SS_FAMILY 1
#define HAVE_SOCKLEN_T 1
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
