/* The rest of the kernel for the compositor on the host: simulated time, sockets without processes. The compositor runs
 * in a second thread, but only while the test waits in mock_run_until(). */
#ifndef RAYOS_WAYLAND_MOCK_H
#define RAYOS_WAYLAND_MOCK_H
#include "wayland/protocol.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

enum { MOCK_WIDTH = 640, MOCK_HEIGHT = 480, MOCK_KINDS = 128 };
enum { MOCK_DRAG = 0, MOCK_DRAG_PEER = 1, MOCK_INPUT = 2, MOCK_RENDERING = 3, MOCK_CLIENTS = 4 }; /* client ids */
static const u64 mock_gap_ns = 50000000, mock_vblank_ns = 16666666; /* every input gap; the display's period */

void mock_start(void);
void mock_run_until(u64 ns);
u64 mock_now(void);

struct socket *mock_connect(u32 client);
void mock_send(struct socket *socket, const void *data, u32 bytes, struct handle handle);
void mock_leave(struct socket *socket);      /* the client's process ended */
bool mock_open(const struct socket *socket); /* not disconnected by the compositor */
void mock_free(struct socket *socket);       /* drops the test's reference */

struct mock_write { u32 bytes, events; struct handle handle; u8 data[BATCH_BYTES]; };
bool mock_receive(struct socket *socket, struct mock_write *write); /* the oldest write not received yet */

struct handle mock_shm(size_t bytes);        /* a reference the caller passes on */
struct handle mock_pipe_end(bool write);
u32 *mock_pixels(struct handle shm);
u32 mock_on_screen(u32 x, u32 y);

u32 mock_count(enum trace_kind kind);        /* points or measurements of that kind so far */
u64 mock_last(enum trace_kind kind);         /* arg of the latest */
u32 mock_noticed(void);                      /* failures detected so far */
u32 mock_killed(void);                       /* clients killed so far */
void mock_fail_allocations(u32 client, u32 one_in); /* ... while handling that client's batches; 0: never */
void mock_limits(u32 surfaces, u32 pools);   /* per client; 0: none */
extern u64 mock_paint_cost_ns;               /* time per blit */
extern u64 mock_write_cost_ns;               /* time per queue-write */
extern u64 mock_sent_ago_ns;                 /* age of a batch when it arrives, for a client on another CPU */
extern u32 mock_socket_bytes;
extern struct image_event mock_event;         /* the timeline, before mock_start(); count 0: none */
void mock_check_clean(void);                 /* no heap, no reference is left */
#endif
