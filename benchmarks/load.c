/* Closed-loop HTTP/1.1 load generator: N keep-alive connections, each with one request in flight.
 *
 *   load (tcp HOST PORT | unix PATH) CONNECTIONS WARMUP_S MEASURE_S REQUEST_FILE...
 *
 * The request files hold complete requests, sent in turn. Prints one JSON line; exits 2 when an
 * answer cannot be understood (chunked, no Content-Length, surplus bytes) or nothing moves any more.
 * Statuses and errors are counted over the whole run, latencies only between warm-up and end.
 */
#define _GNU_SOURCE
#include "client.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, SCRATCH_BYTES = 262144, EVENTS = 256, STALL_S = 30, STATUSES = 600 };

struct conn {
    int fd;
    const struct payload *payload;
    size_t sent;
    bool send_blocked;  /* EPOLLOUT is armed */
    bool send_failed;   /* the peer reads no more; an early answer may still be on its way */
    uint64_t started_ns;
    char head[HEAD_MAX];
    size_t head_size;
    int status;         /* 0 until the answer's head is complete */
    uint64_t body_left;
    bool close_after;
};

static struct payload *payloads;
static size_t payload_count, payload_next;
static int epoll_fd;
static size_t in_flight;
static uint64_t warm_end_ns, end_ns;
static uint64_t *samples_ns;
static size_t sample_count, sample_room;
static uint64_t status_counts[STATUSES], total_count, transport_errors, reconnects;
static char scratch[SCRATCH_BYTES];

static void watch(struct conn *conn, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (conn->send_blocked ? EPOLLOUT : 0u), .data.ptr = conn};
    if (epoll_ctl(epoll_fd, operation, conn->fd, &event) != 0) die("epoll_ctl: %s", strerror(errno));
}

static void open_connection(struct conn *conn) {
    int on = 1;
    conn->fd = socket(peer.any.sa_family, SOCK_STREAM, 0);
    if (conn->fd < 0 || connect(conn->fd, &peer.any, peer_size) != 0) die("connect: %s", strerror(errno));
    if (peer.any.sa_family == AF_INET) setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl: %s", strerror(errno));
    conn->send_blocked = false;
    watch(conn, EPOLL_CTL_ADD);
}

static void send_more(struct conn *conn) {
    const struct payload *payload = conn->payload;
    bool blocked = false;
    while (conn->sent < payload->size && !conn->send_failed && !blocked) {
        ssize_t count = send(conn->fd, payload->bytes + conn->sent, payload->size - conn->sent, MSG_NOSIGNAL);
        if (count > 0) conn->sent += (size_t)count;
        else if (errno == EAGAIN) blocked = true;
        else if (errno != EINTR) conn->send_failed = true;
    }
    if (blocked == conn->send_blocked) return;
    conn->send_blocked = blocked;
    watch(conn, EPOLL_CTL_MOD);
}

static void start_request(struct conn *conn) {
    conn->payload = &payloads[payload_next++ % payload_count];
    conn->sent = conn->head_size = 0;
    conn->status = 0;
    conn->send_failed = conn->close_after = false;
    conn->started_ns = now_ns();
    send_more(conn);
}

/* The end of a request, answered or not: the connection takes the next one, or rests for good. */
static void next_request(struct conn *conn, bool reusable) {
    bool ended = now_ns() >= end_ns;
    if (ended || !reusable) close(conn->fd);
    if (ended) {
        in_flight--;
        return;
    }
    if (!reusable) {
        reconnects++;
        open_connection(conn);
    }
    start_request(conn);
}

static void record(const struct conn *conn) {
    uint64_t now = now_ns();
    total_count++;
    status_counts[conn->status]++;
    if (now < warm_end_ns || now >= end_ns) return;
    if (sample_count == sample_room) {
        sample_room = sample_room ? sample_room * 2 : 65536;
        samples_ns = realloc(samples_ns, sample_room * sizeof *samples_ns);
        if (!samples_ns) die("out of memory");
    }
    samples_ns[sample_count++] = now - conn->started_ns;
}

static void parse_head(struct conn *conn, size_t size) {
    bool has_length = false;
    conn->head[size - 1] = '\0'; /* the last byte of the blank line: header text stays whole */
    if (sscanf(conn->head, "HTTP/1.%*1[01] %3d", &conn->status) != 1 || conn->status < 200 || conn->status >= STATUSES)
        die("not a final HTTP/1.x answer: %.40s", conn->head);
    for (char *line = strstr(conn->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *field = line + 2;
        if (strncasecmp(field, "transfer-encoding:", 18) == 0) die("answer without Content-Length: %.60s", field);
        if (strncasecmp(field, "content-length:", 15) == 0) {
            conn->body_left = strtoull(field + 15, NULL, 10);
            has_length = true;
        }
        if (strncasecmp(field, "connection: close", 17) == 0) conn->close_after = true;
    }
    if (!has_length) die("answer %d has no Content-Length", conn->status);
}

/* Take in bytes of an answer; true when it is complete. */
static bool consume(struct conn *conn, const char *bytes, size_t size) {
    if (conn->status == 0) {
        size_t room = HEAD_MAX - conn->head_size, taken = size < room ? size : room, old_size = conn->head_size;
        memcpy(conn->head + old_size, bytes, taken);
        conn->head_size += taken;
        char *blank = memmem(conn->head, conn->head_size, "\r\n\r\n", 4);
        if (!blank && conn->head_size == HEAD_MAX) die("answer head over %d bytes", HEAD_MAX);
        if (!blank) return false;
        size_t head_end = (size_t)(blank - conn->head) + 4;
        parse_head(conn, head_end);
        size -= head_end - old_size;
    }
    if (size > conn->body_left) die("answer is longer than its Content-Length");
    conn->body_left -= size;
    return conn->body_left == 0;
}

static void receive(struct conn *conn) {
    ssize_t count = recv(conn->fd, scratch, sizeof scratch, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        transport_errors++;
        next_request(conn, false);
        return;
    }
    if (!consume(conn, scratch, (size_t)count)) return;
    record(conn);
    /* An answer before the end of the request (a refusal) leaves the stream out of step. */
    next_request(conn, conn->sent == conn->payload->size && !conn->close_after);
}

static void run(struct conn *conns, size_t count) {
    struct epoll_event events[EVENTS];
    for (size_t i = 0; i < count; i++) {
        open_connection(&conns[i]);
        start_request(&conns[i]);
    }
    /* After the end nothing starts, but what is in flight is heard out, so that no
     * abandoned work is left in the server for the run that comes next. */
    for (in_flight = count; in_flight > 0;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS, STALL_S * 1000);
        if (ready == 0) die("no answer for %d s with %zu requests in flight", STALL_S, in_flight);
        if (ready < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < ready; i++) {
            struct conn *conn = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) send_more(conn);
            if (events[i].events & ~(uint32_t)EPOLLOUT) receive(conn);
        }
    }
}

static int ascending(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_us(size_t per_mille) {
    if (sample_count == 0) return 0;
    size_t rank = (sample_count * per_mille + 999) / 1000; /* nearest rank, exact */
    return (double)samples_ns[rank ? rank - 1 : 0] / 1e3;
}

static void report(double measured_s, double wall_s) {
    const char *comma = "";
    double cpu_s = cpu_seconds();
    if (sample_count) qsort(samples_ns, sample_count, sizeof *samples_ns, ascending);
    printf("{\"requests\": %zu, \"total_requests\": %lu, ", sample_count, (unsigned long)total_count);
    printf("\"transport_errors\": %lu, ", (unsigned long)transport_errors);
    printf("\"reconnects\": %lu, \"elapsed_s\": %.6f, ", (unsigned long)reconnects, measured_s);
    printf("\"p50_us\": %.1f, \"p90_us\": %.1f, ", percentile_us(500), percentile_us(900));
    printf("\"p99_us\": %.1f, \"p999_us\": %.1f, ", percentile_us(990), percentile_us(999));
    printf("\"max_us\": %.1f, ", percentile_us(1000));
    printf("\"cpu_s\": %.6f, \"wall_s\": %.6f, \"statuses\": {", cpu_s, wall_s);
    for (int status = 0; status < STATUSES; status++) {
        if (!status_counts[status]) continue;
        printf("%s\"%d\": %lu", comma, status, (unsigned long)status_counts[status]);
        comma = ", ";
    }
    puts("}}");
}

int main(int argc, char **argv) {
    int at = 1 + parse_address(argv + 1, argc - 1);
    if (argc < at + 4) die("usage: load (tcp HOST PORT | unix PATH) CONNECTIONS WARMUP_S MEASURE_S REQUEST_FILE...");
    int connections = atoi(argv[at]);
    double warmup_s = number_arg(argv[at + 1]), measured_s = number_arg(argv[at + 2]);
    if (connections < 1) die("CONNECTIONS must be 1 or more");
    payload_count = (size_t)(argc - at - 3);
    payloads = calloc(payload_count, sizeof *payloads);
    struct conn *conns = calloc((size_t)connections, sizeof *conns);
    epoll_fd = epoll_create1(0);
    if (!payloads || !conns || epoll_fd < 0) die("cannot start: %s", strerror(errno));
    for (size_t i = 0; i < payload_count; i++) payloads[i] = read_payload(argv[at + 3 + (int)i]);
    uint64_t start_ns = now_ns();
    warm_end_ns = start_ns + (uint64_t)(warmup_s * 1e9);
    end_ns = warm_end_ns + (uint64_t)(measured_s * 1e9);
    run(conns, (size_t)connections);
    report(measured_s, (double)(now_ns() - start_ns) / 1e9);
    return 0;
}
