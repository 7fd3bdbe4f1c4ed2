"""The LDAP face of the directory: a Twisted protocol joins sockets, the sans-IO session and the operations."""
