/* A client of the tests: requests by hand, searches in received events. */
#ifndef RAYOS_WAYLAND_CLIENT_H
#define RAYOS_WAYLAND_CLIENT_H
#include "wayland_mock.h"
#include <stdarg.h>

struct peer {
    struct socket *socket;
    u32 bytes;
    u8 batch[BATCH_BYTES];
    u32 in_bytes;              /* received since the last forget() */
    u8 in[1 << 16];
    struct handle handle;      /* the latest received */
};
static const struct handle no_handle;

/* Signature as in kernel/wayland/protocol.h, without handles. */
static inline void put(struct peer *p, u32 object, u32 opcode, const char *signature, ...)
{
    u32 words[256] = {object, 0}, n = 2;
    va_list values;
    va_start(values, signature);
    for (; *signature; signature++) {
        if (*signature == 's') {
            const char *string = va_arg(values, const char *);
            u32 bytes = (u32)strlen(string) + 1;
            words[n++] = bytes;
            memcpy(&words[n], string, bytes);
            n += (bytes + 3) / 4;
        } else {
            words[n++] = va_arg(values, u32);
        }
    }
    va_end(values);
    words[1] = n * 4 << 16 | opcode;
    CHECK(p->bytes + n * 4 <= sizeof p->batch);
    memcpy(p->batch + p->bytes, words, n * 4);
    p->bytes += n * 4;
}

/* Receives all queued writes; checks that they consist of complete messages, in the stated number. */
static inline void drain(struct peer *p)
{
    struct mock_write write;
    while (mock_receive(p->socket, &write)) {
        u32 at = 0, events = 0;
        for (; at + 8 <= write.bytes; events++) {
            u32 size = wire_read(write.data + at + 4) >> 16;
            CHECK(size >= 8 && size % 4 == 0);
            at += size;
        }
        CHECK(at == write.bytes && events == write.events);
        if (p->in_bytes + write.bytes > sizeof p->in)
            p->in_bytes = 0;
        memcpy(p->in + p->in_bytes, write.data, write.bytes);
        p->in_bytes += write.bytes;
        if (write.handle.type != HANDLE_NONE) {
            handle_drop(&p->handle);
            p->handle = write.handle;
        }
    }
}

static inline void forget(struct peer *p) { p->in_bytes = 0; }

/* Sends the batch, and runs the compositor. */
static inline void flush_with(struct peer *p, struct handle handle)
{
    mock_send(p->socket, p->batch, p->bytes, handle);
    p->bytes = 0;
    mock_run_until(mock_now());
    drain(p);
}

static inline void flush(struct peer *p) { flush_with(p, no_handle); }

/* The number of events of that kind received; last: arguments of the latest. */
static inline u32 came(const struct peer *p, u32 object, u32 opcode, u32 *last)
{
    u32 count = 0;
    for (u32 at = 0; at < p->in_bytes;) {
        u32 header = wire_read(p->in + at + 4), size = header >> 16;
        if (wire_read(p->in + at) == object && (header & 0xffff) == opcode) {
            count++;
            if (last)
                memcpy(last, p->in + at + 8, size - 8 < 64 ? size - 8 : 64);
        }
        at += size;
    }
    return count;
}

static inline struct peer *peer_new(u32 client)
{
    struct peer *p = calloc(1, sizeof *p);
    p->socket = mock_connect(client);
    return p;
}

static inline void peer_end(struct peer *p)
{
    mock_leave(p->socket);
    mock_run_until(mock_now());
    mock_free(p->socket);
    handle_drop(&p->handle);
    free(p);
}

/* Ids used by set_up() and window(). */
enum {
    REGISTRY = 2, SYNC = 3, COMPOSITOR = 4, SHM, SEAT, OUTPUT, MANAGER, WM_BASE, DECORATIONS, POINTER, KEYBOARD, DEVICE,
    SURFACE, XDG, TOPLEVEL, POOL, BUFFER_A, BUFFER_B, NEXT
};

static inline void set_up(struct peer *p)
{
    static const struct { const char *name; u32 version; } globals_wanted[] = {
        {"wl_compositor", 4}, {"wl_shm", 1}, {"wl_seat", 5}, {"wl_output", 3}, {"wl_data_device_manager", 3},
        {"xdg_wm_base", 3},
        {"zxdg_decoration_manager_v1", 1},
    };
    put(p, 1, 1, "u", REGISTRY);
    put(p, 1, 0, "u", SYNC);
    for (u32 i = 0; i < GLOBALS; i++)
        put(p, REGISTRY, 0, "usuu", i + 1, globals_wanted[i].name, globals_wanted[i].version, COMPOSITOR + i);
    put(p, SEAT, 0, "u", POINTER);
    put(p, SEAT, 1, "u", KEYBOARD);
    put(p, MANAGER, 1, "uu", DEVICE, SEAT);
    flush(p);
}

/* A window with its first frame committed: both buffers of one colour each. */
static inline void window(struct peer *p, u32 width, u32 height, u32 colour_a, u32 colour_b)
{
    u32 serial;
    put(p, COMPOSITOR, 0, "u", SURFACE);
    put(p, WM_BASE, 2, "uu", XDG, SURFACE);
    put(p, XDG, 1, "u", TOPLEVEL);
    put(p, SURFACE, 6, "");
    flush(p);
    CHECK(came(p, TOPLEVEL, 0, NULL) == 1 && came(p, XDG, 0, &serial) == 1);
    put(p, XDG, 4, "u", serial);
    flush(p);
    struct handle shm = mock_shm(width * height * 8);
    for (u32 i = 0; i < width * height; i++)
        mock_pixels(shm)[i] = colour_a, mock_pixels(shm)[width * height + i] = colour_b;
    put(p, SHM, 0, "uu", POOL, width * height * 8);
    put(p, POOL, 0, "uuuuuu", BUFFER_A, 0, width, height, width * 4, 1);
    put(p, POOL, 0, "uuuuuu", BUFFER_B, width * height * 4, width, height, width * 4, 1);
    put(p, SURFACE, 1, "uuu", BUFFER_A, 0, 0);
    put(p, SURFACE, 9, "uuuu", 0, 0, width, height);
    put(p, SURFACE, 3, "u", NEXT);
    put(p, SURFACE, 6, "");
    flush_with(p, shm);
}

/* Commits a buffer with the given rows damaged; the callback is NEXT. */
static inline void frame(struct peer *p, u32 buffer, u32 width, u32 y, u32 rows)
{
    put(p, SURFACE, 1, "uuu", buffer, 0, 0);
    put(p, SURFACE, 9, "uuuu", 0, y, width, rows);
    put(p, SURFACE, 3, "u", NEXT);
    put(p, SURFACE, 6, "");
    flush(p);
}
#endif
