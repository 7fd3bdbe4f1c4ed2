/*
 * load: LDAP load over TCP, for comparing servers.
 *
 *   load HOST PORT SECONDS WARMUP { NAME FILE CONNECTIONS WINDOW ENTRIES START BINDFILE }...
 *
 * One thread and one epoll. Each group of arguments in braces is a group of connections, all running at once:
 * every connection keeps WINDOW requests of FILE outstanding and takes the next one, starting with number START
 * and beginning again at the end. ENTRIES is how many entries each search has to return (-1: any). BINDFILE holds
 * one bind request that each connection sends first ("-": none). With SECONDS 0 every request of FILE is sent once.
 *
 * FILE: records of a 32-bit little-endian length and that many bytes, a protocolOp (and controls) without the
 * LDAPMessage around it. That is put around it once, before the run; on the way out only a message id of four
 * bytes is written into a copy, and on the way in only tags, lengths, ids and result codes are read. So this
 * program costs a small part of what it measures; the JSON that it prints carries its own processor time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WINDOW = 64, MAX_GROUPS = 8, BUCKETS = 64 * 32, CODES = 256 };

struct request { size_t offset, length, id_offset; };

struct group {
    const char *name;
    unsigned char *bytes;
    struct request *requests;
    size_t count, next, sent;
    int connections, window, entries;
    unsigned char *bind;
    size_t bind_length;
    uint64_t completed, mismatches, received, by_code[CODES], histogram[BUCKETS], worst;
    uint64_t last_completion;
};

struct slot { uint32_t id; uint64_t sent_at; int entries; };

struct connection {
    int fd, outstanding, wants_write;
    struct group *group;
    uint32_t sequence;
    struct slot slots[MAX_WINDOW];
    unsigned char free_slots[MAX_WINDOW];
    unsigned char *in, *out;
    size_t in_used, in_size, out_used, out_sent, out_size;
};

static int once, running, measuring;
static int epoll_fd;

static void die(const char *what) { fprintf(stderr, "load: %s: %s\n", what, strerror(errno)); exit(1); }
static void fail(const char *what) { fprintf(stderr, "load: %s\n", what); exit(1); }

static void *must(void *memory) { if (!memory) die("memory"); return memory; }

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double processor_time(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* A logarithmic histogram: 32 buckets to each power of two of nanoseconds, so 3 % wide at most. */
static int bucket_of(uint64_t ns) {
    if (ns < 32) return (int)ns;
    int power = 63 - __builtin_clzll(ns);
    return (power - 4) * 32 + (int)((ns >> (power - 5)) & 31);
}

static double value_of(int bucket) {
    if (bucket < 32) return bucket;
    int power = bucket / 32 + 4;
    return (double)((32ull + (unsigned)(bucket % 32)) << (power - 5)) * (1 + 1.0 / 64);
}

static double percentile(const struct group *g, double part) {
    uint64_t wanted = (uint64_t)(part * (double)g->completed), seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += g->histogram[i]) > wanted) return value_of(i) / 1000;
    return (double)g->worst / 1000;
}

static size_t put_length(unsigned char *p, size_t n) {
    if (n < 128) { p[0] = (unsigned char)n; return 1; }
    if (n < 256) { p[0] = 0x81; p[1] = (unsigned char)n; return 2; }
    if (n < 65536) { p[0] = 0x82; p[1] = (unsigned char)(n >> 8); p[2] = (unsigned char)n; return 3; }
    p[0] = 0x83; p[1] = (unsigned char)(n >> 16); p[2] = (unsigned char)(n >> 8); p[3] = (unsigned char)n;
    return 4;
}

static unsigned char *read_file(const char *path, size_t *length) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    *length = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = must(malloc(*length + 1));
    if (fread(bytes, 1, *length, f) != *length) die(path);
    fclose(f);
    return bytes;
}

static uint32_t little32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Puts LDAPMessage ::= SEQUENCE { messageID, op } around each record of the file. */
static void load_requests(struct group *g, const char *path) {
    size_t length, at = 0, used = 0;
    unsigned char *file = read_file(path, &length);
    for (at = 0; at + 4 <= length; at += 4 + little32(file + at)) g->count++;
    if (!g->count || at != length) fail("a request file is empty or cut off");
    g->requests = must(malloc(g->count * sizeof *g->requests));
    g->bytes = must(malloc(length + g->count * 16));
    at = 0;
    for (size_t i = 0; i < g->count; i++) {
        size_t op = little32(file + at), start = used;
        g->bytes[used++] = 0x30;
        used += put_length(g->bytes + used, op + 6);
        g->bytes[used++] = 0x02;
        g->bytes[used++] = 0x04;
        g->requests[i].id_offset = used - start;
        used += 4;
        memcpy(g->bytes + used, file + at + 4, op);
        used += op;
        g->requests[i].offset = start;
        g->requests[i].length = used - start;
        at += 4 + op;
    }
    free(file);
}

/* Reads a definite length; returns the bytes it took, or 0 when more are needed. */
static size_t get_length(const unsigned char *p, size_t have, size_t *n) {
    if (have < 1) return 0;
    if (p[0] < 128) { *n = p[0]; return 1; }
    size_t octets = p[0] & 0x7f;
    if (octets < 1 || octets > 4) fail("a response has a length that LDAP forbids");
    if (have < 1 + octets) return 0;
    *n = 0;
    for (size_t i = 0; i < octets; i++) *n = *n << 8 | p[1 + i];
    return 1 + octets;
}

static void watch(struct connection *c, int write_too) {
    if (c->wants_write == write_too) return;
    c->wants_write = write_too;
    struct epoll_event e = { .events = EPOLLIN | (write_too ? EPOLLOUT : 0), .data.ptr = c };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e)) die("epoll_ctl");
}

static void flush_out(struct connection *c) {
    while (c->out_sent < c->out_used) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_used - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) { watch(c, 1); return; }
        if (n < 0) die("send");
        c->out_sent += (size_t)n;
    }
    c->out_used = c->out_sent = 0;
    watch(c, 0);
}

static void fill(struct connection *c, uint64_t at) {
    struct group *g = c->group;
    while (c->outstanding < g->window && running && !(once && g->sent >= g->count)) {
        struct request *r = &g->requests[g->next];
        if (++g->next == g->count) g->next = 0;
        g->sent++;
        if (c->out_used + r->length > c->out_size) {
            c->out_size = (c->out_used + r->length) * 2;
            c->out = must(realloc(c->out, c->out_size));
        }
        int number = c->free_slots[g->window - 1 - c->outstanding];
        struct slot *s = &c->slots[number];
        s->id = 0x01000000u | ((++c->sequence << 6 | (uint32_t)number) & 0x00ffffffu);
        s->sent_at = at;
        s->entries = 0;
        unsigned char *p = c->out + c->out_used;
        memcpy(p, g->bytes + r->offset, r->length);
        p += r->id_offset;
        p[0] = (unsigned char)(s->id >> 24); p[1] = (unsigned char)(s->id >> 16);
        p[2] = (unsigned char)(s->id >> 8); p[3] = (unsigned char)s->id;
        c->out_used += r->length;
        c->outstanding++;
    }
    if (c->out_sent < c->out_used) flush_out(c);
}

/* One LDAPMessage's content: messageID, then the operation. */
static void take_message(struct connection *c, const unsigned char *p, size_t n, uint64_t at) {
    struct group *g = c->group;
    if (n < 3 || p[0] != 0x02 || p[1] != 0x04) fail("an answer to nothing that was asked (a notice?)");
    uint32_t id = (uint32_t)p[2] << 24 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 8 | p[5];
    int number = id & 63;
    struct slot *s = &c->slots[number];
    if (number >= g->window || s->id != id) fail("an answer to a message id that is not outstanding");
    unsigned char tag = p[6];
    if (tag == 0x64) { s->entries++; return; }
    if (tag == 0x73 || tag == 0x79) return;
    size_t length, octets = get_length(p + 7, n - 7, &length);
    const unsigned char *content = p + 7 + octets;
    if (content[0] != 0x0a || content[1] != 1) fail("an answer without a result code");
    if (measuring) {
        uint64_t took = at - s->sent_at;
        g->completed++;
        g->by_code[content[2]]++;
        g->histogram[bucket_of(took)]++;
        if (took > g->worst) g->worst = took;
        if (g->entries >= 0 && s->entries != g->entries) g->mismatches++;
        g->last_completion = at;
    }
    s->id = 0;
    c->outstanding--;
    c->free_slots[g->window - 1 - c->outstanding] = (unsigned char)number;
}

static void take_data(struct connection *c) {
    if (c->in_size - c->in_used < 65536) {
        c->in_size = c->in_size ? c->in_size * 2 : 131072;
        c->in = must(realloc(c->in, c->in_size));
    }
    ssize_t n = recv(c->fd, c->in + c->in_used, c->in_size - c->in_used, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) die("recv");
    if (n == 0) fail("the server closed a connection");
    uint64_t at = now();
    if (measuring) c->group->received += (uint64_t)n;
    c->in_used += (size_t)n;
    size_t start = 0, length, octets;
    while (c->in_used - start >= 2) {
        if (c->in[start] != 0x30) fail("an answer that is no LDAPMessage");
        octets = get_length(c->in + start + 1, c->in_used - start - 1, &length);
        if (!octets || c->in_used - start < 1 + octets + length) break;
        take_message(c, c->in + start + 1 + octets, length, at);
        start += 1 + octets + length;
    }
    memmove(c->in, c->in + start, c->in_used - start);
    c->in_used -= start;
    fill(c, at);
}

static void bind_connection(struct connection *c) {
    struct group *g = c->group;
    unsigned char out[4096], answer[4096];
    size_t used = 0;
    if (!g->bind) return;
    if (g->bind_length > 4000) fail("the bind request is too long");
    out[used++] = 0x30;
    used += put_length(out + used, g->bind_length + 3);
    out[used++] = 0x02; out[used++] = 0x01; out[used++] = 0x01;
    memcpy(out + used, g->bind, g->bind_length);
    used += g->bind_length;
    if (send(c->fd, out, used, MSG_NOSIGNAL) != (ssize_t)used) die("bind");
    ssize_t n = recv(c->fd, answer, sizeof answer, 0);
    if (n < 10) fail("no answer to a bind");
    size_t length, at = 1 + get_length(answer + 1, (size_t)n - 1, &length) + 3;
    at += 1 + get_length(answer + at + 1, (size_t)n - at - 1, &length);
    if (answer[at] != 0x0a || answer[at + 2] != 0) {
        fprintf(stderr, "load: bind refused with result %d\n", answer[at + 2]);
        exit(1);
    }
}

static void open_connection(struct connection *c, struct group *g, const char *host, int port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int yes = 1;
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) fail("the host has to be an IPv4 address");
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->group = g;
    for (int i = 0; i < g->window; i++) c->free_slots[i] = (unsigned char)i;
    bind_connection(c);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
}

static void turn(uint64_t until) {
    struct epoll_event events[64];
    uint64_t at = now();
    int wait = until > at ? (int)((until - at) / 1000000) + 1 : 0;
    int n = epoll_wait(epoll_fd, events, 64, wait);
    if (n < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush_out(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_data(c);
    }
}

static void print_group(const struct group *g, double seconds, const char *before) {
    printf("%s{\"name\": \"%s\", \"completed\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"received\": %llu, "
           "\"mismatches\": %llu, \"p50\": %.1f, \"p95\": %.1f, \"p99\": %.1f, \"max\": %.1f, \"codes\": {",
           before, g->name, (unsigned long long)g->completed, seconds,
           seconds > 0 ? (double)g->completed / seconds : 0, (unsigned long long)g->received,
           (unsigned long long)g->mismatches, percentile(g, .5), percentile(g, .95), percentile(g, .99),
           (double)g->worst / 1000);
    const char *comma = "";
    for (int i = 0; i < CODES; i++)
        if (g->by_code[i]) {
            printf("%s\"%d\": %llu", comma, i, (unsigned long long)g->by_code[i]);
            comma = ", ";
        }
    printf("}}");
}

static int outstanding(const struct connection *all, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += all[i].outstanding;
    return sum;
}

int main(int argc, char **argv) {
    static struct group groups[MAX_GROUPS];
    int group_count = (argc - 5) / 7, connection_count = 0;
    if (argc < 12 || (argc - 5) % 7 || group_count > MAX_GROUPS)
        fail("HOST PORT SECONDS WARMUP {NAME FILE CONNECTIONS WINDOW ENTRIES START BINDFILE}...");
    double seconds = atof(argv[3]), warmup = atof(argv[4]);
    once = seconds == 0;
    epoll_fd = epoll_create1(0);
    for (int i = 0; i < group_count; i++) {
        char **a = argv + 5 + 7 * i;
        struct group *g = &groups[i];
        g->name = a[0];
        load_requests(g, a[1]);
        g->connections = atoi(a[2]);
        g->window = atoi(a[3]);
        g->entries = atoi(a[4]);
        g->next = (size_t)atoll(a[5]) % g->count;
        if (strcmp(a[6], "-")) g->bind = read_file(a[6], &g->bind_length);
        if (g->window < 1 || g->window > MAX_WINDOW) fail("WINDOW is 1 to 64");
        connection_count += g->connections;
    }
    struct connection *all = must(calloc((size_t)connection_count, sizeof *all));
    for (int i = 0, k = 0; i < group_count; i++)
        for (int j = 0; j < groups[i].connections; j++) open_connection(&all[k++], &groups[i], argv[1], atoi(argv[2]));

    running = 1;
    measuring = once;
    double spent = processor_time();
    uint64_t began = now(), end;
    for (int i = 0; i < connection_count; i++) fill(&all[i], now());
    if (once) {
        while (outstanding(all, connection_count)) turn(now() + 1000000000u);
        end = now();
    } else {
        uint64_t measured_from = began + (uint64_t)(warmup * 1e9);
        while (now() < measured_from) turn(measured_from);
        measuring = 1;
        spent = processor_time();
        began = now();
        end = began + (uint64_t)(seconds * 1e9);
        while (now() < end) turn(end);
        end = now();
    }
    spent = processor_time() - spent;
    measuring = running = 0;
    uint64_t patience = now() + 10000000000u;
    while (outstanding(all, connection_count) && now() < patience) turn(now() + 100000000u);

    printf("{\"processor_seconds\": %.6f, \"groups\": [", spent);
    for (int i = 0; i < group_count; i++)
        print_group(&groups[i], (double)(end - began) / 1e9, i ? ", " : "");
    printf("]}\n");
    return 0;
}
