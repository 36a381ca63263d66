/* What both load generators need of a client: one address, whole requests from files, a clock. */
#ifndef BENCHMARKS_CLIENT_H
#define BENCHMARKS_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

struct payload { char *bytes; size_t size; };

static union { struct sockaddr any; struct sockaddr_in tcp; struct sockaddr_un local; } peer;
static socklen_t peer_size;

static inline void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    exit(2);
}

static inline uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static inline double number_arg(const char *text) {
    char *rest;
    double value = strtod(text, &rest);
    if (*text == '\0' || *rest != '\0' || value < 0) die("not a number of 0 or more: %s", text);
    return value;
}

static inline struct payload read_payload(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) die("%s: %s", path, strerror(errno));
    long size = ftell(file);
    if (size <= 0) die("%s: empty request file", path);
    rewind(file);
    struct payload loaded = {malloc((size_t)size), (size_t)size};
    if (!loaded.bytes || fread(loaded.bytes, 1, loaded.size, file) != loaded.size) die("%s: cannot read", path);
    fclose(file);
    return loaded;
}

/* Takes `tcp HOST PORT` or `unix PATH`; gives how many words that were. */
static inline int parse_address(char **args, int count) {
    if (count > 2 && strcmp(args[0], "tcp") == 0) {
        peer.tcp.sin_family = AF_INET;
        peer.tcp.sin_port = htons((uint16_t)atoi(args[2]));
        if (inet_pton(AF_INET, args[1], &peer.tcp.sin_addr) != 1) die("not an IPv4 address: %s", args[1]);
        peer_size = sizeof peer.tcp;
        return 3;
    }
    if (count < 2 || strcmp(args[0], "unix") != 0) die("give `tcp HOST PORT` or `unix PATH` first");
    peer.local.sun_family = AF_UNIX;
    if (strlen(args[1]) >= sizeof peer.local.sun_path) die("socket path too long: %s", args[1]);
    strcpy(peer.local.sun_path, args[1]);
    peer_size = sizeof peer.local;
    return 2;
}

#endif
