/* A client: its windows, its bound globals and its workload (docs/explanation/clients.md). */
#ifndef RAYOS_CLIENT_H
#define RAYOS_CLIENT_H
#include "clients/wire.h"
#include "core/random.h"

#define NEVER (~0ull)

struct globals { /* object ids */
    u32 registry, compositor, shm, seat, output, data_device_manager, wm_base, pointer, keyboard, data_device;
};
extern struct globals globals;
extern struct random think, gap;

/* ---- window.c ---- */
struct window {
    u32 surface, xdg_surface, toplevel;  /* ids; 0: none */
    u32 pool, buffers[2], buffer_count;
    u32 callback;                        /* frame pending while not 0 */
    u32 serial;                          /* of the configure to acknowledge; 0: none */
    u32 width, height;                   /* of its buffers */
    u32 wanted_width, wanted_height;     /* configured; 0: our choice */
    u32 decoration, theme;               /* object id, mode; 0: none */
    bool stale;                          /* the back buffer has another theme */
    i32 shm;
    u32 *pixels;
    u32 front;                           /* buffer last attached */
    u32 frames;                          /* drawn so far */
};
extern struct window windows[2];         /* the main window; surface_creation's secondary window */

void window_request(struct window *window, const char *which);  /* create_surface ... commit, not yet sent */
void window_acknowledge(struct window *window);                 /* ACK */
void window_first(struct window *window, u32 buffers);          /* shared memory, drawing, FIRST */
void window_frame(struct window *window);                       /* drawing, FRAME */
void window_obey(struct window *window);                        /* RECONFIGURE if its size changes, else RETHEME */
void window_request_destroy(struct window *window);             /* toplevel ... pool, not yet sent */
void window_forget(struct window *window);                      /* after that is sent: frees the shared memory */

/* ---- draw.c ---- */
void draw_rows(u32 *pixels, u32 width, u32 first, u32 rows, u32 client, u32 frame);

/* ---- main.c ---- */
enum { ANSWER_NS = 5000000 };            /* an error arrives within this time, also with SMP */
[[noreturn]] void client_loop(void);
void client_serve_until(u64 deadline);   /* only handles events */
void client_await_end(u64 patience_ns);  /* discards events until the connection is closed or the time is over */

/* ---- A workload: one file each ---- */
struct behaviour {
    void (*frame)(u64 now);              /* the main window's frame callback arrived */
    void (*input)(u64 now);              /* an input event arrived */
    bool (*event)(const struct message *message, i32 *handle); /* any other event; true: handled */
    u64 (*due)(void);                    /* time of the next action; NEVER: waits for an event */
    void (*act)(void);                   /* carries it out: one batch */
    void (*surge)(u64 now);              /* the timeline's surge */
    void (*close)(u64 now);              /* the toplevel's close event; NULL: leaves immediately */
    void (*leave)(void);                 /* requests that destroy what the workload made */
};
extern const struct behaviour rendering, input, surface_creation, drag_drop, media, clipboard, editor, surge, resize;
extern bool leaving;                     /* set by a workload after a close: the client leaves in its next turn */

/* ---- timeline.c ---- */
u64 timeline_due(void);
void timeline_act(const struct behaviour *workload);
void window_request_resize(void);        /* RESIZE */
#endif
