/* A client: its windows, its bound globals and its workload. docs/explanation/clients.md, is what it follows. */
#ifndef RAYOS_CLIENT_H
#define RAYOS_CLIENT_H
#include "wire.h"
#include "../random.h"

#define NEVER (~0ull)

struct globals { u32 registry, compositor, shm, seat, output, data_device_manager, wm_base, pointer, keyboard, data_device; };
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
    u32 decoration, theme;               /* its object, its mode; 0: none */
    bool stale;                          /* the buffer in the back shows another theme */
    i32 shm;
    u32 *pixels;
    u32 front;                           /* buffer last attached */
    u32 frames;                          /* drawn so far */
};
extern struct window windows[2];         /* the main one; surface_creation's secondary */

void window_request(struct window *window, const char *which);  /* create_surface ... commit, not yet sent */
void window_acknowledge(struct window *window);                 /* ACK */
void window_first(struct window *window, u32 buffers);          /* shared memory, drawing, FIRST */
void window_frame(struct window *window);                       /* drawing, FRAME */
void window_obey(struct window *window);                        /* RECONFIGURE if its size changes, else RETHEME */
void window_request_destroy(struct window *window);             /* toplevel ... pool, not yet sent */
void window_forget(struct window *window);                      /* after that was sent: the shared memory */

/* ---- draw.c ---- */
void draw_rows(u32 *pixels, u32 width, u32 first, u32 rows, u32 client, u32 frame);

/* ---- main.c ---- */
enum { ANSWER_NS = 5000000 };            /* an error is answered by then, also by a compositor on another processor */
[[noreturn]] void client_loop(void);
void client_serve_until(u64 deadline);   /* handles what is received, and does nothing of its own */
void client_await_end(u64 patience_ns);  /* takes what comes until the connection is closed, or for so long */

/* ---- What a workload does: one file each ---- */
struct behaviour {
    void (*frame)(u64 now);              /* the main window's frame callback arrived */
    void (*input)(u64 now);              /* an input event arrived */
    bool (*event)(const struct message *message, i32 *handle); /* any other event; true if it was its own */
    u64 (*due)(void);                    /* when the next action is due; NEVER: it waits for an event */
    void (*act)(void);                   /* the action that is due: one batch */
    void (*surge)(u64 now);              /* the timeline's surge */
    void (*close)(u64 now);              /* asked to close; NULL: leaves at once */
    void (*leave)(void);                 /* requests that destroy what the workload made */
};
extern const struct behaviour rendering, input, surface_creation, drag_drop, media, clipboard, editor, surge, resize;
extern bool leaving;                     /* set by a workload, after a close: it leaves with its next turn */

/* ---- timeline.c: what the scenario wants of this client at certain times ---- */
u64 timeline_due(void);
void timeline_act(const struct behaviour *workload);
void window_request_resize(void);        /* RESIZE */
#endif
