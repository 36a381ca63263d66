/* Open-loop HTTP/1.1 load generator: sends at the times of a seeded Poisson schedule, whatever the
 * answers do, over as many keep-alive connections as it takes, up to a bound.
 *
 *   open_load (tcp HOST PORT | unix PATH) SEED FIRST SECONDS WAIT_S CONNECTIONS SAMPLE_EVERY
 *             RECORDS SAMPLES (RATE COUNT REQUEST_FILE...)...
 *
 * Each class of requests has a rate (a second) and COUNT files with complete requests, sent in turn.
 * A run of ten `#` in a file is replaced by the request's number, from FIRST up: no two are alike.
 * RECORDS gets one `struct record` for each request, SAMPLES the answer 200 of every SAMPLE_EVERYth.
 * Whoever has no answer WAIT_S after its scheduled time hangs up. Prints one JSON line about itself;
 * exits 2 when an answer cannot be understood (chunked, no Content-Length, surplus bytes).
 */
#define _GNU_SOURCE
#include "client.h"

#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192, ANSWER_MAX = 16384, EVENTS = 256, CLASSES = 8, RETRY_NS = 1000000 };
enum end { ANSWERED, NO_ANSWER, BROKEN, NO_CONNECTION };
static const char PLACE[] = "##########";

struct record { /* read by benchmarks/overload/records.py; times in seconds from the start, 0: never */
    double scheduled_s, picked_s, sent_s, ended_s;
    uint32_t number;
    uint16_t status;
    uint8_t class, end, degraded;
    char code[31];
};
_Static_assert(sizeof(struct record) == 72, "no padding");

struct class { double rate, next_s; uint64_t chance; size_t count, next; struct payload *payloads; };

struct conn {
    struct conn *previous, *next; /* in one of the lists */
    int fd;
    bool refused_yet;             /* a Unix socket whose backlog is full: connect again */
    size_t record, file, request_size, sent, answer_size;
    size_t whole_size;            /* 0 until the answer's head is complete */
    bool close_after;
    char request[REQUEST_MAX], answer[ANSWER_MAX + 1];
};

struct list { struct conn *first, *last; };

static struct class classes[CLASSES];
static size_t class_count, record_count, record_room, connections, connections_most, connections_bound, opened;
static struct record *records;
static struct list idle, in_flight, spare; /* in_flight is in the order of the schedule */
static int epoll_fd;
static bool retrying; /* somebody waits for room in a backlog */
static uint64_t start_ns, sample_every;
static uint32_t first_number;
static FILE *samples;

static double now_s(void) { return (double)(now_ns() - start_ns) / 1e9; }

static void push(struct list *list, struct conn *conn) {
    conn->previous = list->last;
    conn->next = NULL;
    if (list->last) list->last->next = conn;
    else list->first = conn;
    list->last = conn;
}

static void take(struct list *list, struct conn *conn) {
    if (conn->previous) conn->previous->next = conn->next;
    else list->first = conn->next;
    if (conn->next) conn->next->previous = conn->previous;
    else list->last = conn->previous;
}

/* splitmix64, to (0, 1] */
static double draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0 + 1.0 / 9007199254740992.0;
}

static void schedule_next(struct class *class) {
    class->next_s += -log(draw(&class->chance)) / class->rate;
}

static void close_connection(struct conn *conn) {
    close(conn->fd);
    connections--;
    push(&spare, conn);
}

static void end_request(struct conn *conn, enum end how, bool reusable) {
    struct record *record = &records[conn->record];
    record->end = (uint8_t)how;
    record->ended_s = now_s();
    conn->answer_size = 0;
    take(&in_flight, conn);
    if (reusable) push(&idle, conn);
    else close_connection(conn);
}

static void send_more(struct conn *conn) {
    while (conn->sent < conn->request_size) {
        ssize_t count = send(conn->fd, conn->request + conn->sent, conn->request_size - conn->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return; /* not connected yet, or full: the next event; or broken: recv will say so */
        if (conn->sent == 0) records[conn->record].sent_s = now_s();
        conn->sent += (size_t)count;
    }
}

/* Start to connect; false when nobody listens. */
static bool connect_now(struct conn *conn) {
    conn->refused_yet = false;
    if (connect(conn->fd, &peer.any, peer_size) == 0 || errno == EINPROGRESS) return true;
    retrying |= conn->refused_yet = errno == EAGAIN;
    return conn->refused_yet;
}

static struct conn *new_connection(void) {
    int on = 1;
    struct conn *conn = spare.last;
    if (connections == connections_bound) return NULL;
    if (conn) take(&spare, conn);
    else if (!(conn = malloc(sizeof *conn))) die("out of memory");
    conn->fd = socket(peer.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (conn->fd < 0) die("socket: %s", strerror(errno));
    if (peer.any.sa_family == AF_INET) setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (++connections > connections_most) connections_most = connections;
    opened++;
    return conn;
}

static void watch(struct conn *conn) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = conn};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) die("epoll_ctl: %s", strerror(errno));
}

static void write_request(struct conn *conn, const struct payload *payload, uint32_t number) {
    char digits[sizeof PLACE];
    memcpy(conn->request, payload->bytes, payload->size);
    char *place = memmem(conn->request, payload->size, PLACE, sizeof PLACE - 1);
    snprintf(digits, sizeof digits, "%010u", number);
    memcpy(place, digits, sizeof PLACE - 1);
    conn->request_size = payload->size;
    conn->sent = conn->answer_size = conn->whole_size = 0;
    conn->close_after = false;
}

static struct record *new_record(double scheduled_s, size_t class) {
    if (record_count == record_room) {
        record_room = record_room ? record_room * 2 : 65536;
        records = realloc(records, record_room * sizeof *records);
        if (!records) die("out of memory");
    }
    struct record *record = &records[record_count];
    memset(record, 0, sizeof *record);
    record->scheduled_s = scheduled_s;
    record->picked_s = now_s();
    record->number = first_number + (uint32_t)record_count++;
    record->class = (uint8_t)class;
    return record;
}

static void start_request(size_t index) {
    struct class *class = &classes[index];
    struct record *record = new_record(class->next_s, index);
    size_t file = class->next++ % class->count;
    struct conn *conn = idle.last; /* the last one used: the others may be closed by the server */
    bool fresh = !conn;
    schedule_next(class);
    if (conn) take(&idle, conn);
    else if (!(conn = new_connection())) {
        record->end = NO_CONNECTION;
        return;
    }
    conn->record = record_count - 1;
    conn->file = file;
    write_request(conn, &class->payloads[file], record->number);
    push(&in_flight, conn);
    if (fresh && !connect_now(conn)) {
        end_request(conn, BROKEN, false);
        return;
    }
    if (fresh && !conn->refused_yet) watch(conn);
    send_more(conn);
}

static void keep_sample(const struct conn *conn) {
    const struct record *record = &records[conn->record];
    if (record->status != 200 || record->number % sample_every) return;
    fprintf(samples, "%u %u %zu %zu\n", record->number, record->class, conn->file, conn->answer_size);
    fwrite(conn->answer, 1, conn->answer_size, samples);
}

static void parse_code(struct record *record, const char *body) {
    static const char field[] = "\"code\":";
    const char *found = strstr(body, field);
    if (!found) return;
    found += sizeof field - 1;
    found += strspn(found, " \"");
    size_t size = strcspn(found, "\"");
    memcpy(record->code, found, size < sizeof record->code - 1 ? size : sizeof record->code - 1);
}

static void parse_head(struct conn *conn, size_t size) {
    struct record *record = &records[conn->record];
    int status;
    char *lines = conn->answer, kept = lines[size - 1];
    lines[size - 1] = '\0';
    if (sscanf(lines, "HTTP/1.%*1[01] %3d", &status) != 1 || status < 200)
        die("not a final HTTP/1.x answer: %.40s", lines);
    for (char *line = strstr(lines, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *field = line + 2;
        if (strncasecmp(field, "transfer-encoding:", 18) == 0) die("answer without Content-Length: %.60s", field);
        if (strncasecmp(field, "content-length:", 15) == 0) conn->whole_size = size + strtoull(field + 15, NULL, 10);
        if (strncasecmp(field, "connection: close", 17) == 0) conn->close_after = true;
        if (strncasecmp(field, "seawall-degraded: true", 22) == 0) record->degraded = 1;
    }
    if (!conn->whole_size) die("answer %d has no Content-Length", status);
    if (conn->whole_size > ANSWER_MAX) die("answer over %d bytes", ANSWER_MAX);
    record->status = (uint16_t)status;
    lines[size - 1] = kept;
}

/* True when the answer is complete. */
static bool understand(struct conn *conn) {
    conn->answer[conn->answer_size] = '\0';
    if (!conn->whole_size) {
        char *blank = memmem(conn->answer, conn->answer_size, "\r\n\r\n", 4);
        if (!blank) return false;
        parse_head(conn, (size_t)(blank - conn->answer) + 4);
    }
    if (conn->answer_size > conn->whole_size) die("answer is longer than its Content-Length");
    return conn->answer_size == conn->whole_size;
}

static void finish(struct conn *conn) {
    struct record *record = &records[conn->record];
    if (record->status != 200) parse_code(record, conn->answer);
    keep_sample(conn);
    end_request(conn, ANSWERED, conn->sent == conn->request_size && !conn->close_after);
}

/* Read all there is, since events come once. What an idle connection gets is its end. */
static void receive(struct conn *conn, bool busy) {
    for (;;) {
        if (conn->answer_size == ANSWER_MAX) die("answer over %d bytes", ANSWER_MAX);
        ssize_t count = recv(conn->fd, conn->answer + conn->answer_size, ANSWER_MAX - conn->answer_size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
        if (!busy) {
            take(&idle, conn);
            close_connection(conn);
            return;
        }
        if (count <= 0) {
            end_request(conn, BROKEN, false);
            return;
        }
        conn->answer_size += (size_t)count;
        if (!understand(conn)) continue;
        finish(conn);
        return;
    }
}

static bool is_busy(const struct conn *conn) { return records[conn->record].ended_s == 0; }

static void expire(double wait_s) {
    double now = now_s();
    while (in_flight.first && records[in_flight.first->record].scheduled_s + wait_s <= now)
        end_request(in_flight.first, NO_ANSWER, false);
}

/* Connect again where a backlog was full. */
static void connect_again(void) {
    retrying = false;
    for (struct conn *conn = in_flight.first, *next; conn; conn = next) {
        next = conn->next;
        if (!conn->refused_yet) continue;
        if (!connect_now(conn)) end_request(conn, BROKEN, false);
        else if (!conn->refused_yet) watch(conn);
    }
}

static size_t next_class(void) {
    size_t next = 0;
    for (size_t i = 1; i < class_count; i++)
        if (classes[i].next_s < classes[next].next_s) next = i;
    return next;
}

static void wait_and_hear(double until_s) {
    struct epoll_event events[EVENTS];
    double left_ns = (until_s - now_s()) * 1e9;
    if (retrying && left_ns > RETRY_NS) left_ns = RETRY_NS;
    if (left_ns < 0) left_ns = 0;
    struct timespec timeout = {(time_t)(left_ns / 1e9), (long)fmod(left_ns, 1e9)};
    int ready = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
    if (ready < 0 && errno != EINTR) die("epoll_pwait2: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
        struct conn *conn = events[i].data.ptr;
        bool busy = is_busy(conn);
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP)) conn->close_after = true; /* said once, now */
        if (busy) send_more(conn);
        if (events[i].events & ~(uint32_t)EPOLLOUT) receive(conn, busy);
    }
}

static void run(double seconds, double wait_s) {
    start_ns = now_ns();
    for (;;) {
        size_t next = next_class();
        double now = now_s();
        while (classes[next].next_s < seconds && classes[next].next_s <= now) {
            start_request(next);
            next = next_class();
        }
        expire(wait_s);
        if (retrying) connect_again();
        bool all_sent = classes[next].next_s >= seconds;
        if (all_sent && !in_flight.first) return;
        double until_s = all_sent ? INFINITY : classes[next].next_s;
        if (in_flight.first) until_s = fmin(until_s, records[in_flight.first->record].scheduled_s + wait_s);
        wait_and_hear(until_s);
    }
}

static FILE *open_file(const char *path) {
    FILE *file = fopen(path, "wb");
    if (!file) die("%s: %s", path, strerror(errno));
    return file;
}

static int parse_class(char **args, int count, uint64_t seed) {
    if (count < 3 || class_count == CLASSES) die("give RATE COUNT REQUEST_FILE... for 1 to %d classes", CLASSES);
    struct class *class = &classes[class_count];
    class->rate = number_arg(args[0]);
    class->count = (size_t)number_arg(args[1]);
    if (class->rate <= 0 || class->count < 1 || class->count > (size_t)count - 2) die("RATE or COUNT of class %zu", class_count);
    class->payloads = calloc(class->count, sizeof *class->payloads);
    if (!class->payloads) die("out of memory");
    for (size_t i = 0; i < class->count; i++) {
        struct payload payload = class->payloads[i] = read_payload(args[2 + i]);
        if (payload.size > REQUEST_MAX) die("%s: over %d bytes", args[2 + i], REQUEST_MAX);
        if (!memmem(payload.bytes, payload.size, PLACE, sizeof PLACE - 1)) die("%s: no %s", args[2 + i], PLACE);
    }
    class->chance = seed * 1000003u + class_count; /* each class its own times, whatever the others' rates */
    draw(&class->chance);
    schedule_next(class);
    class_count++;
    return 2 + (int)class->count;
}

int main(int argc, char **argv) {
    int at = 1 + parse_address(argv + 1, argc - 1);
    if (argc < at + 9) die("usage: see the head of open_load.c");
    uint64_t seed = (uint64_t)number_arg(argv[at]);
    first_number = (uint32_t)number_arg(argv[at + 1]);
    double seconds = number_arg(argv[at + 2]), wait_s = number_arg(argv[at + 3]);
    connections_bound = (size_t)number_arg(argv[at + 4]);
    sample_every = (uint64_t)number_arg(argv[at + 5]);
    if (connections_bound < 1 || sample_every < 1) die("CONNECTIONS and SAMPLE_EVERY must be 1 or more");
    FILE *kept = open_file(argv[at + 6]);
    samples = open_file(argv[at + 7]);
    for (at += 8; at < argc;) at += parse_class(argv + at, argc - at, seed);
    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0) die("epoll_create1: %s", strerror(errno));
    run(seconds, wait_s);
    double wall_s = now_s();
    if (fwrite(records, sizeof *records, record_count, kept) != record_count) die("cannot write the records");
    if (fclose(kept) != 0 || fclose(samples) != 0) die("cannot write the records: %s", strerror(errno));
    printf("{\"requests\": %zu, \"cpu_s\": %.6f, \"wall_s\": %.6f, ", record_count, cpu_seconds(), wall_s);
    printf("\"connections_most\": %zu, \"connections_opened\": %zu}\n", connections_most, opened);
    return 0;
}
