/* The desktop: configures in flight, their order, the errors of disobeying them, decorations, and the clipboard. */
#include "wayland_client.h"

enum { XDG_ACK = 4, TOPLEVEL_RESIZE = 6, SET_MAXIMIZED = 9, UNSET_MAXIMIZED = 10, SET_FULLSCREEN = 11,
       SET_MINIMIZED = 13 };
enum { POOL_2 = NEXT + 1, BUFFER_2, SOURCE, DECORATION };
enum { STATE_MAXIMIZED = 1, STATE_FULLSCREEN = 2 };
static const u64 ms = 1000000;

static struct peer *with_window(u32 client)
{
    struct peer *p = peer_new(client);
    set_up(p);
    window(p, 100, 50, 0x111111, 0x222222);
    mock_run_until(mock_now() + 40 * ms);
    drain(p);
    forget(p);
    return p;
}

/* A buffer of another size, attached, not committed. */
static void attach_sized(struct peer *p, u32 width, u32 height)
{
    put(p, SHM, 0, "uu", POOL_2, width * height * 4);
    put(p, POOL_2, 0, "uuuuuu", BUFFER_2, 0, width, height, width * 4, 1);
    put(p, SURFACE, 1, "uuu", BUFFER_2, 0, 0);
}

static void expect_error(struct peer *p, u32 object, u32 code)
{
    u32 words[16];
    CHECK(came(p, 1, 0, words) == 1 && words[0] == object && words[1] == code && !mock_open(p->socket));
    peer_end(p);
    mock_run_until(mock_now() + 40 * ms);
}

static void configured(struct peer *p, u32 *width, u32 *height, u32 *state, u32 *serial)
{
    u32 words[16] = {0};
    CHECK(came(p, TOPLEVEL, 0, words) && came(p, XDG, 0, serial));
    *width = words[0], *height = words[1], *state = words[2] ? words[3] : 0;
}

static void a_maximised_window_fills_the_output(void)
{
    struct peer *p = with_window(MOCK_RENDERING);
    u32 width, height, state, serial;
    put(p, TOPLEVEL, SET_MAXIMIZED, "");
    flush(p);
    configured(p, &width, &height, &state, &serial);
    CHECK(width == MOCK_WIDTH && height == MOCK_HEIGHT && state == STATE_MAXIMIZED);
    put(p, XDG, XDG_ACK, "u", serial);
    attach_sized(p, width, height);
    put(p, SURFACE, 6, "");
    u64 sent = mock_count(M_CONFIGURE);
    flush_with(p, mock_shm((u64)width * height * 4));
    mock_run_until(mock_now() + 40 * ms);
    CHECK(mock_count(M_CONFIGURE) == sent + 1);
    CHECK(mock_on_screen(0, 0) == 0 && mock_on_screen(MOCK_WIDTH - 1, MOCK_HEIGHT - 1) == 0);
    drain(p), forget(p);
    put(p, TOPLEVEL, UNSET_MAXIMIZED, "");
    flush(p);
    configured(p, &width, &height, &state, &serial);
    CHECK(width == 100 && height == 50 && !state);
    peer_end(p);
}

static void a_maximised_window_of_its_own_size_is_an_error(void)
{
    struct peer *p = with_window(MOCK_RENDERING);
    u32 width, height, state, serial;
    put(p, TOPLEVEL, SET_MAXIMIZED, "");
    flush(p);
    configured(p, &width, &height, &state, &serial);
    frame(p, BUFFER_B, 100, 0, 50); /* not acknowledged yet: allowed */
    CHECK(mock_open(p->socket));
    put(p, XDG, XDG_ACK, "u", serial);
    put(p, SURFACE, 1, "uuu", BUFFER_A, 0, 0);
    put(p, SURFACE, 6, "");
    flush(p);
    expect_error(p, WM_BASE, WM_BASE_INVALID_SURFACE_STATE);
}

static void fullscreen_is_an_upper_bound(void)
{
    struct peer *p = with_window(MOCK_RENDERING);
    u32 width, height, state, serial;
    put(p, TOPLEVEL, SET_FULLSCREEN, "u", 0);
    flush(p);
    configured(p, &width, &height, &state, &serial);
    CHECK(state == STATE_FULLSCREEN);
    put(p, XDG, XDG_ACK, "u", serial);
    put(p, SURFACE, 1, "uuu", BUFFER_B, 0, 0);
    put(p, SURFACE, 6, "");
    flush(p);
    CHECK(mock_open(p->socket));
    mock_run_until(mock_now() + 40 * ms);
    CHECK(mock_on_screen(0, 0) == 0x222222);
    attach_sized(p, MOCK_WIDTH + 1, 50);
    put(p, SURFACE, 6, "");
    flush_with(p, mock_shm((MOCK_WIDTH + 1) * 50 * 4));
    expect_error(p, WM_BASE, WM_BASE_INVALID_SURFACE_STATE);
}

/* Sixteen steps of an interactive resize, none answered: all in flight. A late one may be acknowledged, which settles
 * those before it; one of those may then not. */
static void several_configures_are_in_flight(void)
{
    struct peer *p = with_window(MOCK_RENDERING);
    u32 words[16], sizes[16], serial, first_serial = 0, count = 0;
    put(p, TOPLEVEL, TOPLEVEL_RESIZE, "uuu", SEAT, 0, 10);
    flush(p);
    for (u64 until = mock_now() + 120 * ms; mock_now() < until;) {
        mock_run_until(mock_now() + 5 * ms);
        forget(p);
        drain(p);
        if (came(p, XDG, 0, &serial) && came(p, TOPLEVEL, 0, words) && count < 16) {
            first_serial = first_serial ? first_serial : serial;
            sizes[count++] = words[0];
        }
    }
    CHECK(count == 16 && sizes[0] == 108 && sizes[7] == 164 && sizes[15] == 100);
    put(p, XDG, XDG_ACK, "u", serial);
    flush(p);
    CHECK(mock_open(p->socket));
    put(p, XDG, XDG_ACK, "u", first_serial);
    flush(p);
    expect_error(p, XDG, XDG_SURFACE_INVALID_SERIAL);
}

static void a_minimised_window_is_out_of_sight(void)
{
    struct peer *p = with_window(MOCK_RENDERING);
    u32 x = 97 * MOCK_RENDERING % (MOCK_WIDTH - 100 + 1), y = 61 * MOCK_RENDERING % (MOCK_HEIGHT - 50 + 1);
    CHECK(mock_on_screen(x, y) == 0x111111);
    put(p, TOPLEVEL, SET_MINIMIZED, "");
    frame(p, BUFFER_B, 100, 0, 50);
    mock_run_until(mock_now() + 40 * ms);
    drain(p);
    CHECK(mock_on_screen(x, y) == 0xff34495e && !came(p, NEXT, 0, NULL));
    peer_end(p);
}

static void decorations_follow_the_theme(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    u32 mode, serial;
    set_up(p);
    put(p, COMPOSITOR, 0, "u", SURFACE), put(p, WM_BASE, 2, "uu", XDG, SURFACE), put(p, XDG, 1, "u", TOPLEVEL);
    put(p, SURFACE, 6, "");
    put(p, DECORATIONS, 1, "uu", POOL, TOPLEVEL);
    flush(p);
    CHECK(came(p, POOL, 0, &mode) == 1 && mode == 2 && came(p, XDG, 0, &serial) == 2);
    put(p, POOL, 1, "u", 1);
    flush(p);
    CHECK(came(p, POOL, 0, &mode) == 2 && mode == 1);
    put(p, TOPLEVEL, 0, "");
    flush(p);
    expect_error(p, POOL, DECORATION_ORPHANED);

    p = with_window(MOCK_RENDERING);
    put(p, DECORATIONS, 1, "uu", DECORATION - 3, TOPLEVEL);
    flush(p);
    expect_error(p, DECORATIONS, DECORATION_UNCONFIGURED_BUFFER);
}

static void what_is_copied_is_offered_to_the_peer(void)
{
    struct peer *giver = with_window(MOCK_DRAG), *taker = with_window(MOCK_DRAG_PEER);
    u32 offer = 0, words[16];
    put(giver, MANAGER, 0, "u", POOL_2), put(giver, POOL_2, 0, "s", "text/plain");
    put(giver, POOL_2, 0, "s", "text/html");
    put(giver, DEVICE, 1, "uu", POOL_2, 0);
    flush(giver);
    drain(taker);
    CHECK(came(taker, DEVICE, 5, &offer) == 1 && offer >= FIRST_SERVER_ID && came(taker, offer, 0, words) == 2);
    put(taker, offer, 1, "s", "text/html");
    flush_with(taker, mock_pipe_end(true));
    drain(giver);
    CHECK(came(giver, POOL_2, 1, words) == 1 && giver->handle.type == HANDLE_PIPE_WRITE);
    put(giver, MANAGER, 0, "u", BUFFER_2), put(giver, DEVICE, 1, "uu", BUFFER_2, 0);
    flush(giver);
    CHECK(came(giver, POOL_2, 2, NULL) == 1); /* replaced */
    put(taker, offer, 4, "uu", 1, 1);
    flush(taker);
    CHECK(mock_open(taker->socket));           /* its source is gone */
    drain(taker);
    CHECK(came(taker, DEVICE, 5, &offer) == 2);
    put(taker, offer, 4, "uu", 1, 1);
    flush(taker);
    expect_error(taker, offer, OFFER_INVALID_OFFER);
    put(giver, DEVICE, 1, "uu", BUFFER_2, 0);
    flush(giver);
    expect_error(giver, DEVICE, DEVICE_USED_SOURCE);
}

int main(void)
{
    mock_start();
    a_maximised_window_fills_the_output();
    a_maximised_window_of_its_own_size_is_an_error();
    fullscreen_is_an_upper_bound();
    several_configures_are_in_flight();
    a_minimised_window_is_out_of_sight();
    decorations_follow_the_theme();
    what_is_copied_is_offered_to_the_peer();
    mock_run_until(mock_now() + 100 * ms);
    mock_check_clean();
    puts("ok");
    exit(0);
}
