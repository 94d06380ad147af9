#include "wayland_mock.h"
#include "drivers/input.h"
#include "wayland/compositor.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>

/* ---- Time and turns: exactly one of test and compositor runs ---- */

static u64 now_ns, target_ns;
static sem_t test_turn, compositor_turn;
u64 mock_paint_cost_ns, mock_write_cost_ns, mock_sent_ago_ns;
u32 mock_socket_bytes = 16384;

u64 clock_ns(void) { return now_ns; }
u64 mock_now(void) { return now_ns; }

static void *compositor_thread(void *unused)
{
    (void)unused;
    sem_wait(&compositor_turn);
    compositor_main();
    return NULL;
}

void mock_run_until(u64 ns)
{
    target_ns = ns;
    sem_post(&compositor_turn);
    sem_wait(&test_turn);
}

void mock_start(void)
{
    pthread_t thread;
    sem_init(&test_turn, 0, 0);
    sem_init(&compositor_turn, 0, 0);
    pthread_create(&thread, NULL, compositor_thread, NULL);
}

/* ---- Trace, print, heap ---- */

static u32 counts[MOCK_KINDS];
static u64 lasts[MOCK_KINDS];
static long allocations;
static u32 fail_client, fail_one_in, fail_state = 1;
static bool fail_now;

u64 trace_point(enum trace_kind kind, u32 subject, u64 arg)
{
    (void)subject;
    counts[kind]++;
    lasts[kind] = arg;
    return clock_ns();
}

void trace_measure(enum trace_kind kind, u32 subject, u64 arg) { trace_point(kind, subject, arg); }
u32 mock_count(enum trace_kind kind) { return counts[kind]; }
u64 mock_last(enum trace_kind kind) { return lasts[kind]; }

void print_line(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
}

void panic(const char *reason)
{
    fprintf(stderr, "panic: %s\n", reason);
    abort();
}

void mock_fail_allocations(u32 client, u32 one_in) { fail_client = client, fail_one_in = one_in; }

void *kalloc(size_t bytes, const char *owner)
{
    CHECK(owner && bytes);
    fail_state = fail_state * 1664525 + 1013904223;
    if (fail_now && fail_one_in && (fail_state >> 8) % fail_one_in == 0)
        return NULL;
    allocations++;
    return calloc(1, bytes);
}

void kfree(void *object)
{
    allocations -= object != NULL;
    free(object);
}

/* ---- Handles ---- */

struct shm { u32 references; size_t bytes; void *data; };
struct mock_pipe { u32 references; };
static long handles;

void *shm_data(struct shm *shm) { return shm->data; }
size_t shm_bytes(const struct shm *shm) { return shm->bytes; }
void shm_reference(struct shm *shm) { shm->references++; }

void shm_release(struct shm *shm)
{
    CHECK(shm->references);
    if (--shm->references)
        return;
    handles--;
    free(shm->data);
    free(shm);
}

struct handle mock_shm(size_t bytes)
{
    struct shm *shm = calloc(1, sizeof *shm);
    *shm = (struct shm){1, bytes, calloc(1, bytes)};
    handles++;
    return (struct handle){HANDLE_SHM, shm};
}

u32 *mock_pixels(struct handle shm) { return ((struct shm *)shm.object)->data; }

struct handle mock_pipe_end(bool write)
{
    struct mock_pipe *pipe = calloc(1, sizeof *pipe);
    pipe->references = 1;
    handles++;
    return (struct handle){write ? HANDLE_PIPE_WRITE : HANDLE_PIPE_READ, pipe};
}

void handle_drop(struct handle *handle)
{
    if (handle->type == HANDLE_SHM) {
        shm_release(handle->object);
    } else if (handle->type != HANDLE_NONE) {
        struct mock_pipe *pipe = handle->object;
        CHECK(pipe->references == 1);
        handles--;
        free(pipe);
    }
    *handle = (struct handle){0};
}

void mock_check_clean(void)
{
    CHECK(allocations == 0);
    CHECK(handles == 0);
}

/* ---- Sockets ---- */

struct item { struct item *next; struct batch batch; };
struct queued { struct queued *next; struct mock_write write; };
struct socket {
    u32 client;
    u64 connected_ns;
    void *user;
    bool connect_taken, closed, close_taken, released, ready;
    struct item *items;
    struct queued *writes;
    u32 queued_bytes;
    struct socket *next_ready;
};
static struct socket *ready_list;
static u32 killed;

static void make_ready(struct socket *s)
{
    if (s->ready || !(!s->connect_taken || s->items || (s->closed && !s->close_taken)))
        return;
    struct socket **at = &ready_list;
    while (*at)
        at = &(*at)->next_ready;
    *at = s;
    s->next_ready = NULL;
    s->ready = true;
}

struct socket *mock_connect(u32 client)
{
    struct socket *s = calloc(1, sizeof *s);
    s->client = client;
    s->connected_ns = now_ns;
    make_ready(s);
    return s;
}

void mock_send(struct socket *s, const void *data, u32 bytes, struct handle handle)
{
    if (s->closed) {
        handle_drop(&handle);
        return;
    }
    CHECK(bytes && bytes <= BATCH_BYTES);
    struct item *item = calloc(1, sizeof *item), **at = &s->items;
    item->batch.sent_ns = now_ns - mock_sent_ago_ns;
    item->batch.bytes = bytes;
    item->batch.handle = handle;
    memcpy(item->batch.data, data, bytes);
    while (*at)
        at = &(*at)->next;
    *at = item;
    make_ready(s);
}

static void discard_items(struct socket *s)
{
    while (s->items) {
        struct item *item = s->items;
        s->items = item->next;
        handle_drop(&item->batch.handle);
        free(item);
    }
}

void mock_leave(struct socket *s)
{
    s->closed = true;
    make_ready(s);
}

bool mock_open(const struct socket *s) { return !s->closed; }

bool mock_receive(struct socket *s, struct mock_write *write)
{
    struct queued *first = s->writes;
    if (!first)
        return false;
    *write = first->write;
    s->writes = first->next;
    s->queued_bytes -= write->bytes;
    free(first);
    return true;
}

void mock_free(struct socket *s)
{
    struct mock_write write;
    CHECK(s->released);
    while (mock_receive(s, &write))
        handle_drop(&write.handle);
    free(s);
}

u32 socket_client(const struct socket *s) { return s->client; }
u64 socket_connected_ns(const struct socket *s) { return s->connected_ns; }
void socket_set_user(struct socket *s, void *user) { s->user = user; }
void *socket_user(const struct socket *s) { return s->user; }

static enum socket_ready take(struct socket *s, struct batch *batch)
{
    if (!s->connect_taken) {
        s->connect_taken = true;
        return READY_CONNECTED;
    }
    if (!s->items) {
        s->close_taken = true;
        return READY_CLOSED;
    }
    struct item *item = s->items;
    s->items = item->next;
    *batch = item->batch;
    free(item);
    fail_now = s->client == fail_client;
    return READY_BATCH;
}

enum socket_ready socket_wait(u64 deadline_ns, struct socket **socket, struct batch *batch)
{
    fail_now = false;
    for (;;) {
        if (ready_list) {
            *socket = ready_list;
            ready_list = ready_list->next_ready;
            (*socket)->ready = false;
            enum socket_ready result = take(*socket, batch);
            make_ready(*socket);
            return result;
        }
        if (deadline_ns <= target_ns) {
            now_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
            return READY_DEADLINE;
        }
        now_ns = target_ns > now_ns ? target_ns : now_ns;
        sem_post(&test_turn);
        sem_wait(&compositor_turn);
    }
}

bool socket_queue(struct socket *s, const void *data, u32 bytes, u32 events, bool motion, struct handle *handle)
{
    (void)motion;
    CHECK(bytes && bytes <= BATCH_BYTES && !s->released);
    if (s->closed || s->queued_bytes + bytes > mock_socket_bytes)
        return false;
    struct queued *queued = calloc(1, sizeof *queued), **at = &s->writes;
    queued->write.bytes = bytes;
    queued->write.events = events;
    queued->write.handle = handle ? *handle : (struct handle){0};
    memcpy(queued->write.data, data, bytes);
    while (*at)
        at = &(*at)->next;
    *at = queued;
    s->queued_bytes += bytes;
    trace_point(P_EVENTS, s->client, QUEUED(bytes, events, 0));
    now_ns += mock_write_cost_ns;
    return true;
}

void socket_disconnect(struct socket *s)
{
    CHECK(!s->released);
    if (s->closed)
        return;
    s->closed = true;
    discard_items(s);
    make_ready(s);
}

bool socket_is_open(const struct socket *s) { return !s->closed; }

void socket_release(struct socket *s)
{
    CHECK(s->close_taken && !s->released);
    s->released = true;
}

struct input_report input_ask(enum host_request what, u32 x, u32 y)
{
    return (void)what, (void)x, (void)y, (struct input_report){0};
}

void process_kill(u32 client, u32 reason)
{
    (void)client;
    CHECK(reason == 2);
    killed++;
}

static u32 noticed;

void failure_detected(u32 target, enum detection how)
{
    (void)target, (void)how;
    noticed++;
}

u32 mock_noticed(void) { return noticed; }
void failure_shown(u32 client) { (void)client; }
bool detector_on(enum detection detector) { return detector != 0; }

u32 mock_killed(void) { return killed; }

/* ---- Display ---- */

static u32 framebuffers[2][MOCK_WIDTH * MOCK_HEIGHT];
static u32 back;

u32 *display_back(void)
{
    now_ns += mock_paint_cost_ns;
    return framebuffers[back];
}

void display_flip(void) { back = !back; }
u32 mock_on_screen(u32 x, u32 y) { return framebuffers[!back][y * MOCK_WIDTH + x]; }

/* ---- Scenario and random numbers: a gap is always mock_gap_ns ---- */

static struct image_settings settings = {
    .seed = 1, .duration_ns = 1000000000000, .repaint_window_ns = 4000000,
    .ping_interval_ns = 250000000, .hang_timeout_ns = 1000000000,
    .width = MOCK_WIDTH, .height = MOCK_HEIGHT, .refresh_millihertz = 60000,
};
static const struct image_group groups[] = {
    {.first_client = MOCK_DRAG, .count = 2, .workload = WORKLOAD_DRAG_DROP},
    {.first_client = MOCK_INPUT, .count = 1, .workload = WORKLOAD_INPUT},
    {.first_client = MOCK_RENDERING, .count = 1, .workload = WORKLOAD_RENDERING},
};
static u64 gaps[QUANTILES];

void mock_limits(u32 surfaces, u32 pools) { settings.client_surfaces = surfaces, settings.client_pools = pools; }
const struct image_settings *scenario(void) { return &settings; }
const struct image_group *scenario_group(u32 client) { return &groups[client < 2 ? 0 : client - 1]; }
u32 scenario_clients(void) { return MOCK_CLIENTS; }
struct image_event mock_event;
u32 scenario_events(void) { return mock_event.count ? 1 : 0; }
const struct image_event *scenario_event(u32 index) { (void)index; return &mock_event; }
const u64 *scenario_table(u32 index) { (void)index; return gaps; }
void random_seed(struct random *r, u64 seed, u32 client, u32 generation, u32 stream)
{
    (void)seed, (void)client, (void)generation;
    r->state = stream;
}
u64 random_quantile(struct random *r, const u64 *table) { (void)r, (void)table; return mock_gap_ns; }
