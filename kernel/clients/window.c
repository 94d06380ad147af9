/* Windows: set-up, buffers, drawing, configures, destruction. */
#include "clients/client.h"

enum { FORMAT_XRGB8888 = 1 };

struct window windows[2];

static void set_title(struct window *window, const char *which)
{
    char title[] = "RayOS client #0000 xxxx";
    for (u32 i = 0, id = config()->id; i < 4; i++, id /= 10)
        title[17 - i] = (char)('0' + id % 10);
    for (u32 i = 0; i < 4; i++)
        title[19 + i] = which[i];
    request(window->toplevel, TOPLEVEL_SET_TITLE, "s", title);
}

void window_request(struct window *window, const char *which)
{
    window->surface = id_new();
    window->xdg_surface = id_new();
    window->toplevel = id_new();
    request(globals.compositor, COMPOSITOR_CREATE_SURFACE, "u", window->surface);
    request(globals.wm_base, WM_BASE_GET_XDG_SURFACE, "uu", window->xdg_surface, window->surface);
    request(window->xdg_surface, XDG_SURFACE_GET_TOPLEVEL, "u", window->toplevel);
    set_title(window, which);
    request(window->surface, SURFACE_COMMIT, "");
}

void window_acknowledge(struct window *window)
{
    request(window->xdg_surface, XDG_SURFACE_ACK_CONFIGURE, "u", window->serial);
    window->serial = 0;
    batch_send(TAG_ACK, -1);
}

static void request_commit(struct window *window, u32 y, u32 rows)
{
    window->callback = id_new();
    request(window->surface, SURFACE_ATTACH, "uuu", window->buffers[window->front], 0, 0);
    request(window->surface, SURFACE_DAMAGE_BUFFER, "uuuu", 0, y, window->width, rows);
    request(window->surface, SURFACE_FRAME, "u", window->callback);
    request(window->surface, SURFACE_COMMIT, "");
}

static void draw(struct window *window, u32 y, u32 rows)
{
    u32 *pixels = window->pixels + (u64)window->front * window->width * window->height;
    draw_rows(pixels, window->width, y, rows, config()->id + 5 * window->theme, window->frames);
    drawn(rows * ROW_STEPS(window->width), rows);
}

/* Creates buffers, draws all of them, commits the first; not yet sent. */
static void request_content(struct window *window, u32 buffers)
{
    u32 width = window->width, height = window->height, bytes = width * height * 4;
    u64 address = 0;
    window->shm = (i32)syscall(SYS_SHM_CREATE, (u64)bytes * buffers, (u64)&address, 0, 0, 0);
    if (window->shm < 0)
        client_give_up();
    window->pixels = (u32 *)address;
    window->buffer_count = buffers;
    window->front = window->frames = 0;
    for (window->front = buffers; window->front--;)
        draw(window, 0, height);
    window->front = 0;
    window->frames = 1;
    window->stale = false;
    window->pool = id_new();
    request(globals.shm, SHM_CREATE_POOL, "uu", window->pool, bytes * buffers); /* the handle takes no bytes */
    for (u32 i = 0; i < buffers; i++) {
        window->buffers[i] = id_new();
        request(window->pool, POOL_CREATE_BUFFER, "uuuuuu", window->buffers[i], i * bytes, width, height, width * 4,
                FORMAT_XRGB8888);
    }
    request_commit(window, 0, height);
}

void window_first(struct window *window, u32 buffers)
{
    window->width = config()->surface_width;
    window->height = config()->surface_height;
    request_content(window, buffers);
    batch_send(TAG_FIRST, window->shm);
}

static void request_destroy_buffers(const struct window *window)
{
    for (u32 i = 0; i < window->buffer_count; i++)
        request(window->buffers[i], BUFFER_DESTROY, "");
    if (window->buffer_count)
        request(window->pool, POOL_DESTROY, "");
}

static void reconfigure(struct window *window, u32 width, u32 height)
{
    const struct window old = *window;
    window->width = width;
    window->height = height;
    request_content(window, old.buffer_count);
    request_destroy_buffers(&old);
    batch_send(TAG_RECONFIGURE, window->shm);
    syscall(SYS_SHM_DESTROY, (u64)old.shm, 0, 0, 0, 0);
}

static void retheme(struct window *window)
{
    window->front = (window->front + 1) % window->buffer_count;
    draw(window, 0, window->height);
    window->frames++;
    window->stale = true;
    request_commit(window, 0, window->height);
    batch_send(TAG_RETHEME, -1);
}

void window_obey(struct window *window)
{
    u32 width = window->wanted_width ? window->wanted_width : window->width;
    u32 height = window->wanted_height ? window->wanted_height : window->height;
    request(window->xdg_surface, XDG_SURFACE_ACK_CONFIGURE, "u", window->serial);
    window->serial = 0;
    if (width != window->width || height != window->height)
        reconfigure(window, width, height);
    else
        retheme(window);
}

/* The first changed row of frame n. */
static u32 band(const struct window *window, u32 n, u32 rows)
{
    return (u32)((u64)n * rows % (window->height - rows + 1));
}

void window_frame(struct window *window)
{
    u32 height = window->height;
    u64 share = (u64)height * config()->damage_ppm / 1000000;
    u32 rows = share < 1 ? 1 : share > height ? height : (u32)share;
    u32 y = band(window, window->frames, rows);
    window->front = (window->front + 1) % window->buffer_count;
    if (window->stale) {
        draw(window, 0, height);
    } else {
        if (rows < height && window->frames > 1) /* this buffer has not got the last frame's change */
            draw(window, band(window, window->frames - 1, rows), rows);
        draw(window, y, rows);
    }
    window->stale = false;
    window->frames++;
    request_commit(window, y, rows);
    batch_send(TAG_FRAME, -1);
}

void window_request_destroy(struct window *window)
{
    if (!window->surface)
        return;
    if (window->decoration)
        request(window->decoration, DECORATION_DESTROY, "");
    request(window->toplevel, TOPLEVEL_DESTROY, "");
    request(window->xdg_surface, XDG_SURFACE_DESTROY, "");
    request(window->surface, SURFACE_DESTROY, "");
    request_destroy_buffers(window);
}

void window_forget(struct window *window)
{
    if (window->buffer_count)
        syscall(SYS_SHM_DESTROY, (u64)window->shm, 0, 0, 0, 0);
    *window = (struct window){0};
}
