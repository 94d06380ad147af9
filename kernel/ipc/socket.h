/* Sockets, one per client. Client to compositor: whole batches, in order. Compositor to client: queue-writes. */
#ifndef RAYOS_SOCKET_H
#define RAYOS_SOCKET_H
#include "core/handle.h"

struct socket;
struct process;
struct batch { u64 sent_ns; u32 bytes; struct handle handle; u8 data[BATCH_BYTES]; };

/* ---- The compositor's side ---- */
u32 socket_client(const struct socket *socket);
u64 socket_connected_ns(const struct socket *socket);
void socket_set_user(struct socket *socket, void *user); /* the compositor's state of the client */
void *socket_user(const struct socket *socket);

enum socket_ready { READY_DEADLINE, READY_BATCH, READY_CONNECTED, READY_CLOSED };
/* Blocks until a socket has an item or deadline_ns has passed. Sockets are served in the order in which they became
 * ready, one item per call; a socket with more items goes to the tail. READY_BATCH fills *batch and passes its handle's
 * reference to the caller. After READY_CLOSED the compositor calls socket_release once. Returns READY_DEADLINE
 * immediately if the deadline has passed and no socket is ready. */
enum socket_ready socket_wait(u64 deadline_ns, struct socket **socket, struct batch *batch);
/* Queues events to the client as one queue-write and wakes it. handle may be NULL; its reference passes on success.
 * motion: the write is one pointer motion, and may replace an earlier one that has not been read. Traces P_EVENTS; the
 * client's receive measures delivery. false: the queue is full, or the client is gone. */
bool socket_queue(struct socket *socket, const void *data, u32 bytes, u32 events, bool motion, struct handle *handle);
bool socket_is_open(const struct socket *socket); /* neither side has closed it */
void socket_disconnect(struct socket *socket);    /* the client gets E_CLOSED after queued data; READY_CLOSED follows */
void socket_release(struct socket *socket);

/* ---- The client's side, under LOCK_KERNEL ---- */
struct socket *socket_create(u32 client, u32 capacity);
void socket_connect(struct socket *socket, struct process *p, u64 now_ns);
/* Both block, and do not return if the process is killed meanwhile. */
i64 socket_send(struct process *p, u64 buffer, u64 bytes, i64 handle, u64 sent_ns);
i64 socket_receive(struct process *p, u64 buffer, u64 capacity, u64 deadline_ns, u64 handle_address);
void socket_client_gone(struct socket *socket);   /* drops the process's reference; READY_CLOSED follows what it sent */
bool socket_is_connected(const struct socket *socket);
bool socket_is_receiving(const struct process *p);/* blocked in socket_receive */
bool socket_disconnected(const struct socket *socket); /* by the compositor */

/* ---- The launcher's side ---- */
u32 socket_live(void);                            /* sockets that the compositor has not released */
void socket_start(void);                          /* the scenario starts: the compositor passes its first wait */
bool socket_compositor_ready(void);               /* the compositor has reached its first wait */
#endif
