/* The kernel core, as the compositor and the rest of the kernel see it. */
#ifndef RAYOS_KERNEL_H
#define RAYOS_KERNEL_H
#include "random.h"
#include <stdbool.h>
#include <stddef.h>

#define KERNEL_ASSERT(condition, reason) do { if (!(condition)) panic(reason); } while (0)

static inline u64 least(u64 a, u64 b) { return a < b ? a : b; }

/* time.c */
u64 clock_ns(void);                       /* since the scenario started */

/* print.c: markers and diagnostics on the serial console, one line a call, no partial lines */
void print_line(const char *format, ...) __attribute__((format(printf, 1, 2))); /* %s %d %u %llu %llx */
void print_number(char *text, u32 value);   /* its decimal digits and a NUL */
[[noreturn]] void panic(const char *reason); /* prints RAYOS_PANIC:<reason>, state PANIC, stops */

/* trace.c. Both write always and keep conditionally, so their cost does not depend on what is kept. */
u64 trace_point(enum trace_kind kind, u32 subject, u64 arg);    /* closes a segment of the current thread; when */
void trace_measure(enum trace_kind kind, u32 subject, u64 arg);
void trace_wire(enum trace_kind kind, u32 client, const u8 *data, u32 bytes); /* nothing unless the image asks for it */

/* A rendezvous at which the host is asked for something; interrupts off. */
void host_request(enum host_request what, u32 x, u32 y);

/* heap.c: red zones on both sides, owner kept, checked at kfree; never returns uninitialised memory */
void *kalloc(size_t bytes, const char *owner); /* zeroed; NULL when out of memory */
void kfree(void *object);

/* shm.c: reference-counted shared memory; the kernel sees it contiguous */
struct shm;
void *shm_data(struct shm *shm);
size_t shm_bytes(const struct shm *shm);
void shm_reference(struct shm *shm);
void shm_release(struct shm *shm);

/* socket.c: one per client. To the compositor: whole batches, in order. To the client: queue-writes. */
struct socket;
struct handle { enum { HANDLE_NONE, HANDLE_SHM, HANDLE_PIPE_READ, HANDLE_PIPE_WRITE } type; void *object; };
void handle_drop(struct handle *handle);   /* releases the reference it holds */

struct batch { u64 sent_ns; u32 bytes; struct handle handle; u8 data[BATCH_BYTES]; };
u32 socket_client(const struct socket *socket);
u64 socket_connected_ns(const struct socket *socket);
void socket_set_user(struct socket *socket, void *user); /* the compositor's per-client state */
void *socket_user(const struct socket *socket);
/* Compositor side. The reference in batch->handle passes to the caller. */
enum socket_ready { READY_DEADLINE, READY_BATCH, READY_CONNECTED, READY_CLOSED };
/* Blocks the compositor until a socket needs it or deadline_ns passed. Sockets are served in the order in which they
 * became ready, one item a call; a socket with more goes to the tail. READY_BATCH has filled *batch.
 * After READY_CLOSED the compositor must call socket_release() once. deadline_ns in the past and nothing ready: READY_DEADLINE at once. */
enum socket_ready socket_wait(u64 deadline_ns, struct socket **socket, struct batch *batch);
/* Queues events to the client as one queue-write and wakes it; handle may be NULL, its reference passes on success.
 * motion: it is a pointer motion and nothing else, which may take the place of one not yet read.
 * false: the queue is full or the client is gone. Traces P_EVENTS; delivery is measured at the client's receive. */
bool socket_queue(struct socket *socket, const void *data, u32 bytes, u32 events, bool motion, struct handle *handle);
bool socket_is_open(const struct socket *socket); /* neither the client nor the compositor has ended it */
void socket_disconnect(struct socket *socket); /* client sees E_CLOSED after what is queued; arrives back as READY_CLOSED */
void socket_release(struct socket *socket);

/* process.c */
void process_kill(u32 client, u32 reason); /* reason as in M_CLIENT_DESTROYED */

/* failure.c: what became of injected faults. Interrupts may be on. */
void failure_detected(u32 target, enum detection how); /* the first time of each fault counts */
void failure_shown(u32 client);            /* a client's first frame is on screen */
void disk_refused(void);                   /* faults.c: the disk has refused a request */

/* display.c: two XRGB8888 framebuffers, width*4 bytes a row */
#define MAX_WIDTH 8192 /* pixels */
u32 *display_back(void);
const u32 *display_front(void);            /* what is visible */
void display_flip(void);                   /* back becomes visible (ramfb), the other becomes back */

/* scenario.c: the validated image */
const struct image_settings *scenario(void);
const struct image_load *scenario_load(void);
const struct image_disk *scenario_disk(void);
const struct image_network *scenario_network(void);
const struct image_group *scenario_group(u32 client);
const u64 *scenario_table(u32 index);
u32 scenario_clients(void);                /* total over the groups */
u32 scenario_faults(void);
const struct image_fault *scenario_fault(u32 index);
bool detector_on(enum detection detector); /* always, but in tests of the tests */
u32 scenario_events(void);                 /* of the timeline */
const struct image_event *scenario_event(u32 index);

/* wayland/compositor.c */
[[noreturn]] void compositor_main(void);   /* body of THREAD_COMPOSITOR */

/* histogram.c: latencies, ns */
#define HISTOGRAM_BUCKETS 4352             /* up to 2^40 ns; what is longer counts as that */
struct histogram { u64 count, maximum_ns; u32 buckets[HISTOGRAM_BUCKETS]; };
void histogram_add(struct histogram *h, u64 ns);
void histogram_merge(struct histogram *into, const struct histogram *h);
u64 histogram_quantile(const struct histogram *h, u32 ppm); /* value of rank ceil(ppm / 10^6 * count); 0 when empty */

/* profile.c: what the measurements of a run add up to; the RAYOS_PERF lines */
/* Counts one record; interrupts off. */
void profile_measure(enum trace_kind kind, u64 arg, u64 now);
void profile_point(enum trace_kind kind, u64 cpu_ns, u64 now);
struct second { u32 p99_us, flips; };      /* of commit-to-present; page flips */
struct second profile_second(struct histogram *sum); /* of the second just ended; its latencies are added to sum, if not NULL */
void profile_start(void);
void profile_memory(void);                 /* once a second */
void profile_report(void);                 /* once, at the end */
/* library */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
#endif
