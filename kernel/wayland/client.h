/* A client of the compositor, from connect to disconnect. */
#ifndef RAYOS_COMPOSITOR_CLIENT_H
#define RAYOS_COMPOSITOR_CLIENT_H
#include "core/random.h"
#include "ipc/socket.h"
#include "wayland/agenda.h"
#include "wayland/object.h"

enum {
    MAX_INPUTS = 64,           /* input events of a client that are not shown yet */
    MAX_PARKED = 4,            /* handles that arrived before their request */
    MAX_ARGUMENTS = 8,
    EVENT_ROOM = 512,          /* no event is longer */
};

/* Connection: errors and disconnection. Each of them stops reading from the client or writing to it. */
struct connection_status {
    bool failed;               /* disconnected by the compositor */
    bool overflown;            /* a queue-write did not fit; dropped after the present item or batch */
    bool erring;               /* wl_display.error is written; dropped after the present batch */
    bool closing;              /* its objects are being destroyed */
};

/* Milestones, each measured or reported once. */
struct milestones {
    bool created;              /* M_CLIENT_CREATION is measured */
    bool presented;            /* the main surface has been on screen */
};

/* Objects by id: the client's range, and the server's (data offers). */
struct object_map {
    struct object **by_id;     /* [0] unused, [1] the display */
    u32 room, top;             /* top: highest id ever used + 1 */
    struct object *offers[MAX_OFFERS]; /* by id - FIRST_SERVER_ID */
    struct object display;
};

/* Incoming: the batch in progress, and what waits for the next one. */
struct incoming {
    u64 sent_ns;               /* of the batch */
    bool buffer_committed;     /* by the present request */
    u8 *partial;               /* an incomplete request */
    u32 partial_bytes;
    u32 parked_count;
    struct handle parked[MAX_PARKED]; /* handles without their request yet */
};

/* Outgoing: events gathered until the end of the present item or batch. */
struct outgoing {
    struct list touched;       /* in the list of clients with events to flush */
    u32 bytes, events;
    bool motion;               /* one pointer motion and nothing else */
    struct handle handle;
    u8 data[BATCH_BYTES];
};

/* Usage: what the scenario limits. */
struct usage { u32 surfaces, pools; };

/* Shell: the main window, and pings. */
struct shell {
    struct surface *main;      /* surface of the first toplevel */
    struct wm_base *wm_base;
    u32 ping_serial;           /* unanswered ping; 0: none */
    u64 ping_ns;
};

/* Seat: the latest pointer and keyboard, and whether they are inside the client's window. */
struct seat {
    struct object *pointer, *keyboard;
    bool pointer_inside, keyboard_inside;
};

/* Input: the events produced for the client, in a ring. [shown, framed) are answered by the finished frame,
 * [framed, carried) by a later commit, [carried, queued) not yet. */
struct input_event { u64 scheduled_ns, queued_ns; };
struct input {
    struct agenda_item item;
    struct random random;
    u32 count;
    bool started;
    u32 shown, framed, carried, queued;
    struct input_event events[MAX_INPUTS];
};

/* Transfer: the data device, the clipboard, the drag that the client started. */
struct transfer {
    struct object *device;     /* the latest */
    struct data_source *selection;
    struct data_source *dragged; /* NULL: no drag */
    struct agenda_item drag;
    u32 drag_step;
};

/* Resize: the interactive resize that the client started. */
struct resize {
    struct toplevel *toplevel; /* NULL: none */
    struct agenda_item item;
    u32 step, steps;
    i32 width, height;         /* at its start */
    event_set events;
};

struct client {
    struct socket *socket;
    u32 id, generation;
    const struct image_group *group;
    struct connection_status status;
    struct milestones milestones;
    struct object_map objects;
    struct incoming incoming;
    struct usage usage;
    struct shell shell;
    struct seat seat;
    struct transfer transfer;
    struct resize resize;
    struct input input;
    struct outgoing outgoing;
};

/* client.c */
struct client *client_by_id(u32 id);           /* NULL: not connected */
void client_connect(struct socket *socket);
void client_batch(struct client *client, struct batch *batch);
void client_closed(struct socket *socket);
void client_drop(struct client *client);       /* disconnects it; only between events */
bool client_deaf(const struct client *client); /* no events are queued to it any more */
void client_error(struct client *client, u32 object, u32 code, const char *message);
void object_error(const struct object *object, u32 code, const char *message);
void client_no_memory(struct client *client);
bool client_within(struct client *client, u32 has, u32 limit); /* false: at its limit, and an error is sent */
bool client_take_handle(struct client *client, struct handle *handle);
void clients_flush(void);                      /* one queue-write per touched client, in order of first touch */
void client_flush(struct client *client);
void client_touch(struct client *client);      /* it has events to flush */
/* xdg.c */
void xdg_ping_round(u64 now);
/* seat.c */
void seat_surface_shown(struct surface *surface, u64 now);
void seat_input(struct client *client);
void seat_commit(struct client *client);       /* a buffer was committed */
void seat_surface_gone(struct surface *surface);
/* data_device.c */
void drag_step(struct client *client);
void drag_client_failed(struct client *client);
struct client *peer_of(const struct client *client); /* the next client of its group; NULL: not connected */
/* shell.c */
void shell_resize_step(struct client *client);
void shell_resize_end(struct client *client);
void shell_event(u32 index);                   /* a timeline event is due */
#endif
