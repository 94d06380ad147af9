/* Protocol objects.
 *
 * Lifetimes: an object belongs to its client and is destroyed with it at the latest. Buffers and pools are reference-
 * counted, because a surface may show a buffer after its wl_buffer is destroyed. Every other pointer between objects is
 * cleared by the end that is destroyed first, in the `destroyed` hook of its interface. */
#ifndef RAYOS_OBJECT_H
#define RAYOS_OBJECT_H
#include "core/list.h"
#include "experiment/integration.h"
#include "wayland/composite.h"

enum {
    FIRST_SERVER_ID = 0xff000000,
    MAX_OBJECTS = 1024,        /* ids in a client's range, per client */
    MAX_OFFERS = 16,           /* ids in the server's range, per client */
    MAX_SURFACE_DAMAGE = 16,   /* rectangles pending for a commit; more than that become one */
    MAX_MIME = 64,             /* bytes of a MIME type, NUL included */
    MAX_MIMES = 4,             /* MIME types of a data source */
    MAX_CONFIGURES = 16,       /* in flight to a window; a later one waits */
};

struct client;
struct object {
    u32 id;
    u8 interface;              /* enum wayland_interface */
    u8 version;
    struct client *client;
};
static inline u8 version_of(const void *object) { return ((const struct object *)object)->version; }

union argument {
    i32 i;                     /* int, fixed */
    u32 u;                     /* uint, new_id */
    const char *s;             /* string; NULL: null */
    struct object *o;          /* object; NULL: null */
    struct { const u8 *data; u32 bytes; } a;
};

struct callback { struct object object; struct list link; /* in one of its surface's lists */ };
struct pool { struct object object; struct shm *shm; u32 bytes; u32 references; /* its object, its buffers */ };
struct buffer {
    struct object object;      /* object.client is NULL once the wl_buffer is destroyed */
    struct pool *pool;
    u32 references;            /* its object, pending attaches, uses */
    u32 uses;                  /* as current, framed or shown content; wl_buffer.release at 0 */
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
    struct rect window;        /* if mapped: its area of the output */
    u32 level;                 /* if mapped and not minimised: index in the stack */
    bool minimized;            /* mapped, but not in the stack; its commits wait to be shown */
    bool full;                 /* maximised or fullscreen: placed at the origin */
    i32 normal_width, normal_height; /* of the latest content that was not full */
    /* timeline events and configure that the content obeys; framed as above */
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
    bool configured;           /* a configure was sent since the role was assigned or the surface unmapped */
    bool acknowledged;
    struct configure sent[MAX_CONFIGURES], acked, applied; /* in flight; acknowledged; obeyed by the content */
    u32 sent_count;
    bool has_acked;
    bool owes_configure;       /* too many were in flight for another one */
    event_set owed_events;
};
struct toplevel {
    struct object object;
    struct xdg_surface *xdg;
    struct decoration *decoration;
    bool secondary;
    u32 states;                /* bit n: state n */
    i32 width, height;         /* to be configured; 0: the client's choice */
};
struct decoration { struct object object; struct toplevel *toplevel; u32 own_mode; /* requested; 0: the theme's */ };

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
    struct data_source *source;/* NULL once it is destroyed or the drag is over */
    bool accepted, dropped, finished;
    u32 actions, preferred, action;
};

/* object.c */
bool object_id_free(const struct client *client, u32 id); /* valid as the id of a new object */
struct object *object_find(const struct client *client, u32 id);
/* NULL: out of memory, and an error is sent. */
void *object_create(struct client *client, u32 id, u8 interface, u8 version, size_t bytes);
void *object_create_offer(struct client *client, u8 version); /* NULL: no id is free */
void object_destroy(struct object *object);    /* hook, delete_id, memory */
void objects_destroy(struct client *client);
/* pool.c */
void buffer_reference(struct buffer *buffer);
void buffer_release(struct buffer *buffer);
void buffer_use(struct buffer *buffer);        /* NULL allowed */
void buffer_unuse(struct buffer *buffer);      /* NULL allowed */
const u8 *buffer_pixels(const struct buffer *buffer);
/* surface.c */
void surface_unmap(struct surface *surface);
void surface_minimize(struct surface *surface);
void surface_restore(struct surface *surface, event_set events);
/* xdg.c */
bool xdg_commit(struct xdg_surface *xdg, bool attaching); /* false: an error is sent */
void xdg_unmapped(struct xdg_surface *xdg);
/* shell.c */
void shell_configure(struct toplevel *toplevel, event_set events);
bool shell_acknowledge(struct xdg_surface *xdg, u32 serial);
bool shell_obeys(const struct xdg_surface *xdg, const struct buffer *buffer);
void shell_apply(struct xdg_surface *xdg);     /* the acknowledged configure becomes the content's */
bool shell_full(const struct xdg_surface *xdg);
void shell_forget(struct xdg_surface *xdg);
/* selection.c */
void selection_source_gone(struct data_source *source);
void selection_offer_gone(struct data_offer *offer);
/* output.c, seat.c, xdg.c, pool.c: a client has bound a global */
void shm_bound(struct object *object);
void output_bound(struct object *object);
void seat_bound(struct object *object);
void wm_base_bound(struct object *object);
#endif
