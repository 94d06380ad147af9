/* Damage, painting, page flips. The stack holds the corners of the mapped windows from bottom to top as columns, so
 * that one comparison covers eight windows. States of a surface: committed -> (composite pass) -> framed -> (flip) ->
 * shown. */
#include "wayland/protocol.h"

#define BACKGROUND 0xff34495e

enum { SEEN = 8192 };                          /* a power of two, at least twice the rectangles of a pass */
_Static_assert(SEEN >= 4 * MAX_DAMAGE, "the table of rectangles painted needs room");

static struct window_stack stack;              /* entries from mapped_count on are empty rectangles */
static struct surface *mapped[MAX_MAPPED];     /* mapped[i]->level == i */
static u32 mapped_count;

static struct rect pending[MAX_DAMAGE], previous[MAX_DAMAGE];
static u32 pending_count, previous_count;
static u64 seen_keys[SEEN];
static u32 seen_passes[SEEN], pass;            /* seen_keys[i] is valid in pass seen_passes[i] */

static struct list committed, frame;           /* in order of commit */
static bool frame_ready;                       /* painted, waits for its flip */
static u64 frame_finished_ns;

static struct { u32 blits, rows, steps, groups; } painted;
static u32 background[MAX_WIDTH];              /* one row for all */

void composite_init(void)
{
    const struct image_settings *s = scenario();
    list_init(&committed);
    list_init(&frame);
    for (u32 x = 0; x < s->width; x++)
        background[x] = BACKGROUND;
    for (int i = 0; i < 2; i++) {
        blit_copy((u8 *)display_back(), s->width * 4, (const u8 *)background, 0, s->width, s->height);
        display_flip();
    }
}

/* ---- Damage ---- */

static i16 clip(i64 value, u32 limit)
{
    return (i16)(value < 0 ? 0 : value > limit ? limit : value);
}

struct rect output_clip(i64 x0, i64 y0, i64 x1, i64 y1)
{
    u32 width = scenario()->width, height = scenario()->height;
    return (struct rect){clip(x0, width), clip(y0, height), clip(x1, width), clip(y1, height)};
}

void damage_add(struct rect rect)
{
    if (rect_empty(rect))
        return;
    if (pending_count == MAX_DAMAGE) {
        pending[0] = output_clip(0, 0, scenario()->width, scenario()->height);
        pending_count = 1;
    }
    pending[pending_count++] = rect;
}

/* ---- The stack ---- */

static void stack_set(u32 level, struct rect window)
{
    stack.x0[level] = window.x0, stack.y0[level] = window.y0, stack.x1[level] = window.x1, stack.y1[level] = window.y1;
}

bool stack_push(struct surface *surface)
{
    if (mapped_count == MAX_MAPPED)
        return false;
    surface->level = mapped_count++;
    mapped[surface->level] = surface;
    stack_set(surface->level, surface->window);
    return true;
}

void stack_remove(struct surface *surface)
{
    mapped_count--;
    for (u32 level = surface->level; level < mapped_count; level++) {
        mapped[level] = mapped[level + 1];
        mapped[level]->level = level;
        stack_set(level, mapped[level]->window);
    }
    stack_set(mapped_count, (struct rect){0});
}

void stack_resize(struct surface *surface)
{
    stack_set(surface->level, surface->window);
}

struct surface *stack_at(i32 x, i32 y)
{
    struct rect pixel = {x, y, x + 1, y + 1};
    for (u32 group = (mapped_count + 7) / 8; group--;) {
        u32 bits = stack_overlaps(&stack, group, pixel);
        if (bits)
            return mapped[8 * group + 31 - (u32)__builtin_clz(bits)];
    }
    return NULL;
}

/* ---- Painting ---- */

static u8 *back_at(i32 x, i32 y)
{
    return (u8 *)display_back() + ((u64)(u32)y * scenario()->width + (u32)x) * 4;
}

static void blit(struct rect r, const u8 *from, u32 stride)
{
    u32 width = (u32)(r.x1 - r.x0), rows = (u32)(r.y1 - r.y0);
    blit_copy(back_at(r.x0, r.y0), scenario()->width * 4, from, stride, width, rows);
    painted.blits++;
    painted.rows += rows;
    painted.steps += rows * ROW_STEPS(width);
}

static void paint_window(const struct surface *surface, struct rect r)
{
    struct rect w = surface->window;
    r = (struct rect){
        r.x0 > w.x0 ? r.x0 : w.x0, r.y0 > w.y0 ? r.y0 : w.y0, r.x1 < w.x1 ? r.x1 : w.x1, r.y1 < w.y1 ? r.y1 : w.y1,
    };
    const struct buffer *buffer = surface->current;
    u64 offset = (u64)(u32)(r.y0 - surface->y) * buffer->stride + (u64)(u32)(r.x0 - surface->x) * 4;
    blit(r, buffer_pixels(buffer) + offset, buffer->stride);
}

static bool covers(struct rect w, struct rect r)
{
    return w.x0 <= r.x0 && w.y0 <= r.y0 && w.x1 >= r.x1 && w.y1 >= r.y1;
}

static void paint(struct rect r)
{
    static struct surface *above[MAX_MAPPED];  /* overlapping windows from the top down */
    u32 count = 0;
    bool covered = false;
    for (u32 group = (mapped_count + 7) / 8; group-- && !covered;) {
        painted.groups++;
        for (u32 bits = stack_overlaps(&stack, group, r); bits && !covered;) {
            u32 top = 31 - (u32)__builtin_clz(bits);
            bits &= ~(1u << top);
            above[count] = mapped[8 * group + top];
            covered = covers(above[count++]->window, r);
        }
    }
    if (!covered)
        blit(r, (const u8 *)background, 0);
    while (count)
        paint_window(above[--count], r);
}

/* True for the first occurrence of a rectangle in this pass. */
static bool first_time(struct rect rect)
{
    u64 key = rect_key(rect);
    u32 slot = (u32)(key * 0x9e3779b97f4a7c15ull >> 51);
    for (; seen_passes[slot] == pass; slot = (slot + 1) % SEEN)
        if (seen_keys[slot] == key)
            return false;
    seen_passes[slot] = pass;
    seen_keys[slot] = key;
    return true;
}

static void paint_damage(void)
{
    pass++;
    for (u32 i = 0; i < pending_count; i++)
        if (first_time(pending[i]))
            paint(pending[i]);
    for (u32 i = 0; i < previous_count; i++)
        if (first_time(previous[i]))
            paint(previous[i]);
    memcpy(previous, pending, pending_count * sizeof *pending);
    previous_count = pending_count;
    pending_count = 0;
}

/* ---- Frames ---- */

void composite_commit(struct surface *surface)
{
    list_remove(&surface->committed_link);
    list_append(&committed, &surface->committed_link);
}

/* The committed state of the surface becomes part of the frame just painted. The framed buffer counts as a use. */
static void frame_surface(struct surface *surface)
{
    list_remove(&surface->committed_link);
    list_append(&frame, &surface->frame_link);
    surface->framed = surface->current;
    buffer_use(surface->framed);
    surface->framed_sent_ns = surface->sent_ns;
    surface->framed_fresh = surface->fresh;
    surface->fresh = false;
    surface->framed_events = surface->events;
    surface->framed_configured_ns = surface->configured_ns;
    surface->events = surface->configured_ns = 0;
    list_move_all(&surface->framed_callbacks, &surface->waiting);
    surface->object.client->input.framed = surface->object.client->input.carried;
}

void repaint(void)
{
    u64 start = trace_point(P_REPAINT, 0, 0);
    if (frame_ready || !pending_count)
        return;
    u32 rectangles = pending_count + previous_count;
    painted.blits = painted.rows = painted.steps = painted.groups = 0;
    paint_damage();
    while (!list_empty(&committed))
        frame_surface(CONTAINER(committed.next, struct surface, committed_link));
    frame_ready = true;
    counters.frames_painted++;
    u64 work = PAINTED(painted.steps, painted.rows, painted.groups);
    frame_finished_ns = trace_point(P_COMPOSITE, painted.blits | rectangles << 16, work);
    trace_measure(M_COMPOSITION, 0, frame_finished_ns - start);
}

/* New content of a surface is on screen. */
static void present(struct surface *surface, u64 now)
{
    struct client *client = surface->object.client;
    if (client->group->workload == WORKLOAD_MEDIA && surface->presented_ns) {
        u64 apart = now - surface->presented_ns, period = client->group->period_ns;
        trace_measure(M_PRESENTATION_JITTER, client->id, apart > period ? apart - period : period - apart);
    }
    surface->presented_ns = now;
    if (surface->framed_configured_ns)
        trace_measure(M_CONFIGURE, client->id, now - surface->framed_configured_ns);
    surface->framed_configured_ns = 0;
    if (surface == client->shell.main)
        integration_window_shown(client->id);
    seat_surface_shown(surface, now);
}

/* true: its latest content is on screen for the first time. */
static bool show_surface(struct surface *surface, u64 now)
{
    struct client *client = surface->object.client;
    bool fresh = surface->framed_fresh;
    list_remove(&surface->frame_link);
    if (fresh)
        trace_measure(M_COMMIT_TO_PRESENT, client->id, now - surface->framed_sent_ns);
    while (!list_empty(&surface->framed_callbacks)) {
        struct callback *callback = CONTAINER(surface->framed_callbacks.next, struct callback, link);
        event(client, callback->object.id, EVENT_CALLBACK_DONE, (u32)(now / 1000000));
        object_destroy(&callback->object);
    }
    struct buffer *replaced = surface->shown;
    surface->shown = surface->framed;
    surface->framed = NULL;
    surface->framed_fresh = false;
    buffer_unuse(replaced);
    if (fresh && !client->milestones.presented && surface == client->shell.main) {
        client->milestones.presented = true;
        failure_shown(client->id);
    }
    if (fresh)
        present(surface, now);
    integration_done(client->id, surface->framed_events);
    surface->framed_events = 0;
    return fresh;
}

static void flip(u64 index)
{
    display_flip();
    u64 now = clock_ns();
    frame_ready = false;
    counters.frames_shown++;
    trace_measure(M_FLIP, 0, index);
    u32 shown = 0;
    u64 freed = counters.shm_pages_freed;
    while (!list_empty(&frame))
        shown += show_surface(CONTAINER(frame.next, struct surface, frame_link), now);
    trace_point(P_FLIP, shown, counters.shm_pages_freed - freed);
}

void vblank(u64 index, u64 time_ns)
{
    if (frame_ready && frame_finished_ns < time_ns) {
        flip(index);
        return;
    }
    if (frame_ready)
        trace_measure(M_DROPPED, 0, index);
    trace_point(P_VBLANK, 0, index);
}
