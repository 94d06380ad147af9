/* Damage, the stack of windows, painting, page flips. */
#ifndef RAYOS_COMPOSITE_H
#define RAYOS_COMPOSITE_H
#include "core/kernel.h"

typedef signed short i16;

enum {
    MAX_MAPPED = 4096,         /* windows of all clients; a multiple of 8 */
    MAX_DAMAGE = 2048,         /* rectangles pending for a pass; more than that become one */
};

/* A rectangle on the output, clipped to it: 16 bits per coordinate are enough. */
struct rect { i16 x0, y0, x1, y1; };
static inline bool rect_empty(struct rect r) { return r.x0 >= r.x1 || r.y0 >= r.y1; }
static inline u64 rect_key(struct rect r)
{
    return (u64)(u16)r.x0 | (u64)(u16)r.y0 << 16 | (u64)(u16)r.x1 << 32 | (u64)(u16)r.y1 << 48;
}

struct surface;
/* composite.c */
void composite_init(void);
struct rect output_clip(i64 x0, i64 y0, i64 x1, i64 y1);
void damage_add(struct rect rect);
bool stack_push(struct surface *surface);       /* false: full */
struct surface *stack_at(i32 x, i32 y);         /* the topmost window at that pixel; NULL: none */
void stack_remove(struct surface *surface);
void stack_resize(struct surface *surface);     /* its window changed */
void composite_commit(struct surface *surface); /* appends it to the surfaces of the next frame */
void repaint(void);
void vblank(u64 index, u64 time_ns);

/* blit.c, compiled with SSE2 */
/* The corners of all windows from bottom to top, as columns. */
struct window_stack { _Alignas(16) i16 x0[MAX_MAPPED], y0[MAX_MAPPED], x1[MAX_MAPPED], y1[MAX_MAPPED]; };
void blit_copy(u8 *to, u32 to_stride, const u8 *from, u32 from_stride, u32 width, u32 height);
/* Bit i: window 8 * group + i overlaps rect. */
u32 stack_overlaps(const struct window_stack *stack, u32 group, struct rect rect);
#endif
