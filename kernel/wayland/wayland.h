/* The compositor's own structures. One thread owns all of it: no locks.
 *
 * Who may outlive whom: objects belong to their client and die with it at the latest. Buffer and pool storage is
 * counted, because a surface may still show a buffer whose wl_buffer is gone. Every other pointer between objects is
 * cleared by whichever end dies first, in the `destroyed` hook of its interface.
 */
#ifndef RAYOS_WAYLAND_H
#define RAYOS_WAYLAND_H
#include "../integration.h"

typedef signed short i16;

enum {
    FIRST_SERVER_ID = 0xff000000,
    MAX_OBJECTS = 1024,        /* ids of a client's own range, a client */
    MAX_OFFERS = 16,           /* ids of the server's range, a client */
    MAX_MAPPED = 4096,         /* windows, all clients; a multiple of 8 */
    MAX_DAMAGE = 2048,         /* rectangles pending for a pass; more become one */
    MAX_SURFACE_DAMAGE = 16,   /* rectangles pending for a commit; more become one */
    MAX_INPUTS = 64,           /* input events of a client not yet shown */
    MAX_MIME = 64,             /* bytes of a MIME type, NUL included */
    MAX_MIMES = 4,             /* MIME types a data source offers */
    MAX_CONFIGURES = 16,       /* in flight to a window; a later one waits */
    MAX_PARKED = 4,            /* handles that came ahead of their request */
    MAX_ARGUMENTS = 8,
    EVENT_ROOM = 512,          /* no event is longer */
};

/* ---- Intrusive doubly linked list; an unlinked node points to itself ---- */
struct list { struct list *previous, *next; };
static inline void list_init(struct list *l) { l->previous = l->next = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_remove(struct list *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    list_init(l);
}
static inline void list_append(struct list *head, struct list *l)
{
    l->previous = head->previous;
    l->next = head;
    head->previous->next = l;
    head->previous = l;
}
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    from->previous->next = to;
    to->previous->next = from->next;
    to->previous = from->previous;
    list_init(from);
}
#define CONTAINER(node, type, member) ((type *)((char *)(node) - offsetof(type, member)))

/* ---- Rectangles on the output: always clipped to it, so 16 bits do ---- */
struct rect { i16 x0, y0, x1, y1; };
static inline bool rect_empty(struct rect r) { return r.x0 >= r.x1 || r.y0 >= r.y1; }
static inline u64 rect_key(struct rect r) { return (u64)(u16)r.x0 | (u64)(u16)r.y0 << 16 | (u64)(u16)r.x1 << 32 | (u64)(u16)r.y1 << 48; }

/* ---- Timed items: a heap ordered by (time, order, client) ---- */
enum timed_order { TIMED_VBLANK, TIMED_REPAINT, TIMED_INPUT, TIMED_DRAG, TIMED_PING, TIMED_RESIZE, TIMED_EVENT };
struct timed {
    u64 time;
    enum timed_order order;
    u32 client;
    u32 slot;              /* 1-based place in the heap; 0: not scheduled */
    void *context;
};
void timed_schedule(struct timed *item, u64 time); /* or moves it */
void timed_cancel(struct timed *item);
struct timed *timed_first(void);

/* ---- Objects ---- */
struct client;
struct object {
    u32 id;
    u8 interface;          /* enum wayland_interface */
    u8 version;
    struct client *client;
};
union argument {
    i32 i;                 /* int, fixed */
    u32 u;                 /* uint, new_id */
    const char *s;         /* string, NULL if null */
    struct object *o;      /* object, NULL if null */
    struct { const u8 *data; u32 bytes; } a;
};

struct callback { struct object object; struct list link; /* in one of its surface's lists */ };
struct pool { struct object object; struct shm *shm; u32 bytes; u32 references; /* its object, its buffers */ };
struct buffer {
    struct object object;  /* object.client is NULL once the wl_buffer is destroyed */
    struct pool *pool;
    u32 references;        /* its object, pending attaches, uses */
    u32 uses;              /* current, framed, shown of surfaces; released when the last one ends */
    u32 offset, stride;
    i32 width, height;
};

enum role { ROLE_NONE, ROLE_TOPLEVEL, ROLE_CURSOR, ROLE_DRAG_ICON };
struct surface {
    struct object object;
    enum role role;
    struct xdg_surface *xdg;
    /* pending: since the last commit */
    bool attached;
    struct buffer *pending;
    u32 damage_count;
    struct { i32 x0, y0, x1, y1; } damage[MAX_SURFACE_DAMAGE];
    struct list requested;     /* callbacks */
    /* current: as of the last commit; framed: as of the last composite pass; shown: as of the last flip */
    struct buffer *current, *framed, *shown;
    u64 sent_ns, framed_sent_ns;
    bool fresh, framed_fresh;  /* a buffer was attached since */
    struct list waiting, framed_callbacks;
    struct list committed_link, frame_link;
    bool mapped;
    i32 x, y;
    struct rect window;        /* mapped: what it covers of the output */
    u32 level;                 /* mapped and not minimised: place in the stack */
    bool minimized;            /* mapped, but not in the stack; its commits wait to be shown */
    bool full;                 /* maximised or fullscreen: lies at the origin */
    i32 normal_width, normal_height; /* of its latest content that was not */
    /* what its content obeys, on the way to the screen as above */
    event_set events, framed_events;
    u64 configured_ns, framed_configured_ns; /* when that configure was sent; 0: none since */
    u64 presented_ns;          /* when new content was last shown */
};

struct wm_base { struct object object; u32 surfaces; };
struct positioner { struct object object; i32 width, height, anchor_width, anchor_height; };
struct configure { u32 serial, states; i32 width, height; u64 sent_ns; event_set events; };
struct xdg_surface {
    struct object object;
    struct wm_base *wm_base;
    struct surface *surface;
    struct toplevel *toplevel;
    bool configured;           /* a configure was sent since the role was made or unmapped */
    bool acknowledged;
    struct configure sent[MAX_CONFIGURES], acked, applied; /* in flight; acknowledged; obeyed by the content */
    u32 sent_count;
    bool has_acked;
    bool owes_configure;       /* there was no room for it in flight */
    event_set owed_events;
};
struct toplevel {
    struct object object;
    struct xdg_surface *xdg;
    struct decoration *decoration;
    bool secondary;
    u32 states;                /* bit n: state n */
    i32 width, height;         /* wanted; 0: the client's choice */
};
struct decoration { struct object object; struct toplevel *toplevel; u32 own_mode; /* asked for; 0: the theme's */ };

struct data_source {
    struct object object;
    u32 mime_count;
    char mimes[MAX_MIMES][MAX_MIME];
    u32 actions;
    bool actions_set, used, selection;
    struct data_offer *offer;  /* of the drag in progress */
};
struct data_offer {
    struct object object;      /* in the server's id range */
    struct data_source *source;/* NULL once it is gone or the drag is over */
    bool accepted, dropped, finished;
    u32 actions, preferred, action;
};

struct input_event { u64 scheduled_ns, queued_ns; };

struct client {
    struct socket *socket;
    u32 id, generation;
    const struct image_group *group;
    bool failed;               /* disconnected by us; nothing is read from or queued to it any more */
    bool overflown;            /* a write did not fit; dropped when the item or batch is done */
    bool erring;               /* wl_display.error is written; dropped at the end of the batch */
    bool closing;              /* its objects are being destroyed */
    bool created;              /* M_CLIENT_CREATION is done */
    bool presented;            /* its main surface has been on screen */
    u64 sent_ns;               /* of the batch being handled */
    bool buffer_committed;     /* by the request being handled */
    /* objects */
    struct object **objects;   /* by id; [0] unused, [1] the display */
    u32 object_room, object_top; /* object_top: one past the highest id ever used */
    struct object *offers[MAX_OFFERS]; /* by id - FIRST_SERVER_ID */
    struct object display;
    /* incoming bytes and handles without their request yet */
    u8 *partial;
    u32 partial_bytes;
    u32 parked_count;
    struct handle parked[MAX_PARKED];
    /* outgoing events gathered until the item or batch is done */
    bool touched;
    struct client *touched_next;
    u32 out_bytes, out_events;
    bool out_motion;           /* a pointer motion and nothing else */
    struct handle out_handle;
    u8 out[BATCH_BYTES];
    u32 surfaces, pools;       /* that it has */
    /* shell and seat */
    struct surface *main;      /* of the first toplevel */
    struct wm_base *wm_base;
    u32 ping_serial;           /* 0: owes no pong */
    u64 ping_ns;
    struct object *pointer, *keyboard, *data_device; /* the latest made */
    bool pointer_inside, keyboard_inside;
    struct timed input;
    struct random input_random;
    u32 input_count;
    bool input_started;
    /* events [shown, framed) are in the finished frame, [framed, carried) committed, [carried, queued) unanswered */
    u32 inputs_shown, inputs_framed, inputs_carried, inputs_queued;
    struct input_event inputs[MAX_INPUTS];
    /* the drag of which it is the source */
    struct timed drag;
    struct data_source *drag_source;   /* NULL: no drag */
    u32 drag_step;
    /* the clipboard and the interactive resize it began */
    struct data_source *selection;
    struct toplevel *resized;  /* NULL: none */
    struct timed resize;
    u32 resize_step, resize_steps;
    i32 resize_width, resize_height;
    event_set resize_events;
};

/* compositor.c */
u32 next_serial(void);
u32 event_time(void);                          /* milliseconds */
struct client *client_by_id(u32 id);           /* NULL if not connected */
/* client.c */
void client_connect(struct socket *socket);
void client_batch(struct client *client, struct batch *batch);
void client_closed(struct socket *socket);
void client_drop(struct client *client);       /* disconnects it; only between events */
bool client_deaf(const struct client *client); /* nothing is queued to it any more */
void client_error(struct client *client, u32 object, u32 code, const char *message);
void object_error(const struct object *object, u32 code, const char *message);
void client_no_memory(struct client *client);
bool client_within(struct client *client, u32 has, u32 limit); /* false: it has all it may, and was told */
bool client_take_handle(struct client *client, struct handle *handle);
void clients_flush(void);                      /* one queue-write to each client touched, in order of first touch */
void client_flush(struct client *client);
void client_touch(struct client *client);      /* it has something to queue */
/* wire.c */
struct request;
u32 wire_read(const u8 *at);
bool wire_parse(struct client *client, const u8 *message, u32 bytes, const struct request *request, union argument *arguments);
void event(struct client *client, u32 object, u32 kind, ...);
/* object.c */
bool object_id_free(const struct client *client, u32 id); /* may be the id of a new object */
struct object *object_find(const struct client *client, u32 id);
void *object_create(struct client *client, u32 id, u8 interface, u8 version, size_t bytes); /* NULL: client got no_memory */
void *object_create_offer(struct client *client, u8 version);                                /* NULL: none left */
void object_destroy(struct object *object);    /* hook, delete_id, memory */
void objects_destroy(struct client *client);
/* pool.c */
void buffer_reference(struct buffer *buffer);
void buffer_release(struct buffer *buffer);
void buffer_use(struct buffer *buffer);        /* NULL allowed in both */
void buffer_unuse(struct buffer *buffer);
const u8 *buffer_pixels(const struct buffer *buffer);
/* surface.c */
void surface_unmap(struct surface *surface);
void surface_minimize(struct surface *surface);
void surface_restore(struct surface *surface, event_set events);
/* xdg.c */
bool xdg_commit(struct xdg_surface *xdg, bool attaching); /* false: error sent */
void xdg_unmapped(struct xdg_surface *xdg);
void xdg_ping_round(u64 now);
/* seat.c */
void seat_surface_shown(struct surface *surface, u64 now);
void seat_input(struct client *client);
void seat_commit(struct client *client);       /* a buffer was committed */
void seat_surface_gone(struct surface *surface);
/* data_device.c */
void drag_step(struct client *client);
void drag_client_failed(struct client *client);
struct client *peer_of(const struct client *client); /* the next client of its group; NULL if not connected */
/* selection.c */
void selection_source_gone(struct data_source *source);
void selection_offer_gone(struct data_offer *offer);
/* shell.c */
void shell_configure(struct toplevel *toplevel, event_set events);
bool shell_acknowledge(struct xdg_surface *xdg, u32 serial);
bool shell_obeys(const struct xdg_surface *xdg, const struct buffer *buffer);
void shell_apply(struct xdg_surface *xdg);     /* the content obeys what was acknowledged */
bool shell_full(const struct xdg_surface *xdg);
void shell_forget(struct xdg_surface *xdg);
void shell_resize_step(struct client *client);
void shell_resize_end(struct client *client);
void shell_event(u32 index);                   /* of the timeline: its time has come */
/* composite.c */
void composite_init(void);
struct rect output_clip(i64 x0, i64 y0, i64 x1, i64 y1);
void damage_add(struct rect rect);
bool stack_push(struct surface *surface);      /* false: full */
struct surface *stack_at(i32 x, i32 y);        /* the topmost window there; NULL: none */
void stack_remove(struct surface *surface);
void stack_resize(struct surface *surface);    /* its window changed */
void composite_commit(struct surface *surface);/* to the tail of the surfaces of the next frame */
void repaint(void);
void vblank(u64 index, u64 time);
/* blit.c: compiled with SSE2 */
struct window_stack { _Alignas(16) i16 x0[MAX_MAPPED], y0[MAX_MAPPED], x1[MAX_MAPPED], y1[MAX_MAPPED]; };
void blit_copy(u8 *to, u32 to_stride, const u8 *from, u32 from_stride, u32 width, u32 height);
u32 stack_overlaps(const struct window_stack *stack, u32 group, struct rect rect); /* bit i: window 8*group+i meets rect */
/* output.c, seat.c, xdg.c, pool.c: a global was bound */
void shm_bound(struct object *object);
void output_bound(struct object *object);
void seat_bound(struct object *object);
void wm_base_bound(struct object *object);
#endif
