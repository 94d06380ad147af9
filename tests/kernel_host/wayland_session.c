/* A whole session of a well-behaved client, and every protocol error. Over 450 lines, because the cases share their
 * helpers and one table. */
#include "wayland_client.h"

static const u64 ms = 1000000;
static const u32 desk = 0xff34495e;

/* Just after the next vblank. */
static u64 after_vblank(void)
{
    u64 k = 0;
    while ((2 * k + 1) * 1000000000000 / 120000 <= mock_now())
        k++;
    return (2 * k + 1) * 1000000000000 / 120000 + 100;
}

static void globals_and_bind(struct peer *p)
{
    set_up(p);
    CHECK(came(p, REGISTRY, 0, NULL) == 7 && came(p, SYNC, 0, NULL) == 1 && came(p, 1, 1, NULL) == 1);
    CHECK(came(p, SHM, 0, NULL) == 2 && came(p, SEAT, 0, NULL) == 1);
    CHECK(came(p, OUTPUT, 0, NULL) == 1 && came(p, OUTPUT, 2, NULL) == 1);
    CHECK(mock_open(p->socket));
}

static void frames_are_shown_and_answered(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    u32 x = 97 * MOCK_RENDERING % (MOCK_WIDTH - 100 + 1), y = 61 * MOCK_RENDERING % (MOCK_HEIGHT - 50 + 1);
    globals_and_bind(p);
    window(p, 100, 50, 0x111111, 0x222222);
    CHECK(mock_count(M_CLIENT_CREATION) == 1 && mock_count(M_BUFFER_COMMIT) == 1);
    CHECK(mock_count(M_COMMIT_TO_PRESENT) == 0);
    u64 sent = mock_now();
    forget(p);
    mock_run_until(after_vblank());
    drain(p);
    CHECK(came(p, NEXT, 0, NULL) == 1 && came(p, 1, 1, NULL) == 1 && came(p, BUFFER_A, 0, NULL) == 0);
    CHECK(mock_count(M_COMMIT_TO_PRESENT) == 1 && mock_last(M_COMMIT_TO_PRESENT) <= mock_now() - sent);
    CHECK(mock_count(P_FLIP) == 1);
    CHECK(mock_on_screen(x, y) == 0x111111 && mock_on_screen(x + 99, y + 49) == 0x111111);
    CHECK(mock_on_screen(x - 1, y) == desk && mock_on_screen(x + 100, y + 49) == desk);
    CHECK(mock_on_screen(x, y + 50) == desk);

    forget(p);
    frame(p, BUFFER_B, 100, 10, 20);
    mock_run_until(after_vblank());
    drain(p);
    CHECK(came(p, NEXT, 0, NULL) == 1 && came(p, BUFFER_A, 0, NULL) == 1 && came(p, BUFFER_B, 0, NULL) == 0);
    CHECK(mock_on_screen(x, y + 10) == 0x222222 && mock_on_screen(x + 99, y + 29) == 0x222222);
    CHECK(mock_last(P_COMPOSITE) == PAINTED(ROW_STEPS(100) * (20 + 50), 20 + 50, 2));

    u32 repaints = mock_count(P_REPAINT), idle = mock_count(P_VBLANK);
    mock_run_until(mock_now() + mock_vblank_ns);
    CHECK(mock_count(P_REPAINT) == repaints + 1 && mock_count(P_VBLANK) == idle + 1);

    put(p, TOPLEVEL, 0, ""), put(p, XDG, 0, ""), put(p, SURFACE, 0, "");
    put(p, BUFFER_A, 0, ""), put(p, BUFFER_B, 0, ""), put(p, POOL, 1, "");
    flush(p);
    mock_run_until(after_vblank());
    CHECK(mock_on_screen(x, y) == desk && mock_on_screen(x + 99, y + 49) == desk);
    CHECK(mock_open(p->socket));
    peer_end(p);
}

static void a_window_resizes_and_unmaps(void)
{
    struct peer *p = peer_new(MOCK_DRAG); /* at 0, 0 */
    u32 serial;
    set_up(p);
    window(p, 100, 50, 1, 2);
    mock_run_until(after_vblank());
    put(p, POOL, 0, "uuuuuu", NEXT + 1, 0, 50, 100, 200, 1);
    put(p, SURFACE, 1, "uuu", NEXT + 1, 0, 0);
    put(p, SURFACE, 6, "");
    flush(p);
    mock_run_until(after_vblank());
    CHECK(mock_on_screen(49, 99) == 1 && mock_on_screen(50, 49) == desk);
    put(p, SURFACE, 1, "uuu", 0, 0, 0);
    put(p, SURFACE, 6, "");
    flush(p);
    mock_run_until(after_vblank());
    drain(p), forget(p);
    CHECK(mock_on_screen(0, 0) == desk && mock_on_screen(49, 99) == desk);
    put(p, SURFACE, 6, ""); /* a new start: configure, then content */
    flush(p);
    CHECK(came(p, XDG, 0, &serial) == 1);
    put(p, XDG, 4, "u", serial);
    put(p, SURFACE, 1, "uuu", BUFFER_B, 0, 0);
    put(p, SURFACE, 6, "");
    flush(p);
    mock_run_until(after_vblank());
    CHECK(mock_on_screen(99, 49) == 2 && mock_open(p->socket));
    peer_end(p);
}

static void a_frame_is_measured_to_its_flip(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    set_up(p);
    window(p, 100, 50, 1, 2);
    mock_run_until(after_vblank());
    frame(p, BUFFER_B, 100, 0, 50);
    mock_run_until(after_vblank());
    u64 latency_us = mock_last(M_COMMIT_TO_PRESENT) / 1000;
    CHECK(latency_us > 10000 && latency_us < 34000); /* half a period to two */
    peer_end(p);
}

static void objects_are_bounded(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    u32 words[16] = {0};
    set_up(p);
    for (u32 id = SURFACE; id < 2 * MAX_OBJECTS && mock_open(p->socket); id++) {
        put(p, COMPOSITOR, 1, "u", id);
        flush(p);
    }
    CHECK(!mock_open(p->socket) && came(p, 1, 0, words) == 1 && words[1] == DISPLAY_NO_MEMORY);
    peer_end(p);
}

static void a_late_pass_drops_a_frame(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    set_up(p);
    window(p, 100, 50, 1, 2);
    u32 dropped = mock_count(M_DROPPED), flips = mock_count(M_FLIP);
    mock_paint_cost_ns = 6 * ms; /* longer than the 4 ms between repaint point and vblank */
    mock_run_until(after_vblank());
    mock_paint_cost_ns = 0;
    CHECK(mock_count(M_DROPPED) == dropped + 1 && mock_count(M_FLIP) == flips);
    mock_run_until(after_vblank());
    CHECK(mock_count(M_DROPPED) == dropped + 1 && mock_count(M_FLIP) == flips + 1);
    peer_end(p);
}

/* Its window is shown: its first input comes a gap from now. */
static struct peer *peer_with_input(void)
{
    struct peer *p = peer_new(MOCK_INPUT);
    set_up(p);
    window(p, 64, 64, 1, 2);
    mock_run_until(after_vblank());
    drain(p), forget(p);
    return p;
}

static void input_comes_and_is_measured(void)
{
    struct peer *p = peer_with_input();
    u32 measured = mock_count(M_INPUT_ROUND_TRIP);
    mock_run_until(mock_now() + mock_gap_ns);
    drain(p);
    CHECK(came(p, POINTER, 0, NULL) == 1 && came(p, POINTER, 2, NULL) == 1);
    CHECK(came(p, POINTER, 5, NULL) == 1 && came(p, KEYBOARD, 3, NULL) == 0);
    mock_run_until(mock_now() + 1000);
    frame(p, BUFFER_B, 64, 0, 8);
    mock_run_until(after_vblank());
    CHECK(mock_count(M_INPUT_ROUND_TRIP) == measured + 1 && mock_last(M_INPUT_ROUND_TRIP) < 2 * mock_vblank_ns);
    drain(p), forget(p);
    mock_run_until(mock_now() + mock_gap_ns);
    drain(p);
    CHECK(came(p, KEYBOARD, 1, NULL) == 1 && came(p, KEYBOARD, 3, NULL) == 1);
    CHECK(came(p, POINTER, 0, NULL) == 0 && came(p, POINTER, 2, NULL) == 0);
    peer_end(p);
}

/* With SMP the client may answer before the compositor executes its next instruction. */
static void input_may_be_answered_at_once(void)
{
    struct peer *p = peer_with_input();
    u32 measured = mock_count(M_INPUT_ROUND_TRIP);
    mock_write_cost_ns = 100000;
    for (u64 end = mock_now() + 2 * mock_gap_ns; !came(p, POINTER, 0, NULL) && mock_now() < end; drain(p))
        mock_run_until(mock_now() + 1000);
    CHECK(came(p, POINTER, 0, NULL) == 1);
    mock_sent_ago_ns = mock_write_cost_ns / 2;
    frame(p, BUFFER_B, 64, 0, 8);
    mock_write_cost_ns = mock_sent_ago_ns = 0;
    mock_run_until(after_vblank());
    CHECK(mock_count(M_INPUT_ROUND_TRIP) == measured + 1);
    peer_end(p);
}

static const char mime[] = "text/plain";
enum { OFFER = FIRST_SERVER_ID, SOURCE = NEXT + 1 };

static void start_drag(struct peer *p)
{
    put(p, MANAGER, 0, "u", SOURCE);
    put(p, SOURCE, 0, "s", mime);
    put(p, SOURCE, 2, "u", 1);
    put(p, DEVICE, 0, "uuuu", SOURCE, SURFACE, 0, 0);
    flush(p);
}

static struct peer *with_window(u32 client)
{
    struct peer *p = peer_new(client);
    set_up(p);
    window(p, 64, 64, 1, 2);
    mock_run_until(after_vblank());
    drain(p), forget(p);
    return p;
}

static void a_drop_reaches_the_peer(void)
{
    struct peer *from = with_window(MOCK_DRAG), *to = with_window(MOCK_DRAG_PEER);
    u32 words[16], steps = mock_count(P_DRAG);
    start_drag(from);
    drain(to);
    CHECK(came(to, DEVICE, 0, NULL) == 1 && came(to, OFFER, 0, NULL) == 1);
    CHECK(came(to, OFFER, 1, NULL) == 1 && came(to, DEVICE, 1, words) == 1);
    CHECK(words[1] == SURFACE && words[4] == OFFER);
    put(to, OFFER, 0, "us", words[0], mime);
    put(to, OFFER, 4, "uu", 1, 1);
    flush(to);
    drain(from);
    CHECK(came(to, OFFER, 2, NULL) == 1 && came(from, SOURCE, 5, NULL) == 1);
    mock_run_until(mock_now() + 8 * 16 * ms);
    drain(to);
    CHECK(mock_count(P_DRAG) == steps + 8 && came(to, DEVICE, 3, NULL) == 8 && came(to, DEVICE, 4, NULL) == 1);
    put(to, OFFER, 1, "s", mime);
    flush_with(to, mock_pipe_end(true));
    drain(from);
    CHECK(came(from, SOURCE, 1, NULL) == 1 && from->handle.type == HANDLE_PIPE_WRITE);
    put(to, OFFER, 3, "");
    put(to, OFFER, 2, "");
    flush(to);
    drain(from);
    CHECK(came(from, SOURCE, 3, NULL) == 1 && came(from, SOURCE, 4, NULL) == 1 && came(from, SOURCE, 2, NULL) == 0);
    put(from, SOURCE, 1, "");
    flush(from);
    CHECK(mock_open(from->socket) && mock_open(to->socket));

    forget(to);
    start_drag(from); /* this time the source dies on the way, then the target */
    mock_run_until(mock_now() + 40 * ms);
    put(from, SOURCE, 1, "");
    flush(from);
    drain(to);
    CHECK(came(to, DEVICE, 3, NULL) == 2 && came(to, DEVICE, 2, NULL) == 1);
    put(to, OFFER, 2, "");
    flush(to);
    start_drag(from), forget(from);
    peer_end(to);
    drain(from);
    CHECK(came(from, SOURCE, 2, NULL) == 1);
    peer_end(from);
}

static void requests_may_arrive_in_pieces(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    put(p, 1, 1, "u", REGISTRY);
    put(p, REGISTRY, 0, "usuu", 1, "wl_compositor", 4, 3);
    put(p, 1, 0, "u", 4);
    for (u32 i = 0; i < p->bytes; i++)
        mock_send(p->socket, p->batch + i, 1, no_handle);
    mock_run_until(mock_now());
    drain(p);
    CHECK(came(p, REGISTRY, 0, NULL) == 7 && came(p, 4, 0, NULL) == 1 && mock_open(p->socket));
    peer_end(p);
}

static void a_client_without_pong_is_killed(void)
{
    struct peer *good = with_window(MOCK_RENDERING), *mute = with_window(MOCK_INPUT);
    u32 killed = mock_killed(), hangs = mock_count(M_HANG), serial;
    for (u32 i = 0; i < 10 && mock_open(mute->socket); i++) {
        mock_run_until(mock_now() + 250 * ms);
        drain(good);
        if (came(good, WM_BASE, 0, &serial)) {
            put(good, WM_BASE, 3, "u", serial);
            flush(good);
        }
        forget(good);
    }
    CHECK(!mock_open(mute->socket) && mock_open(good->socket) && mock_killed() == killed + 1);
    CHECK(mock_count(M_HANG) == hangs + 1 && mock_last(M_HANG) == 1000 * ms);
    peer_end(mute);
    peer_end(good);
}

/* ---- Errors ---- */

static void bad_method(struct peer *p) { put(p, SURFACE, 99, ""); }
static void bad_object(struct peer *p) { put(p, 777, 0, ""); }
static void too_new(struct peer *p) { put(p, REGISTRY, 0, "usuu", 1, "wl_compositor", 5, NEXT + 1); }
static void used_id(struct peer *p) { put(p, COMPOSITOR, 0, "u", SHM); }
static void far_id(struct peer *p) { put(p, COMPOSITOR, 0, "u", 500); }
static void server_id(struct peer *p) { put(p, COMPOSITOR, 0, "u", FIRST_SERVER_ID + 1); }
static void wrong_type(struct peer *p) { put(p, SURFACE, 1, "uuu", POOL, 0, 0); }
static void null_object(struct peer *p) { put(p, WM_BASE, 2, "uu", NEXT + 1, 0); }
static void too_short(struct peer *p) { put(p, SURFACE, 2, "uuu", 0, 0, 1); }
static void too_long(struct peer *p) { put(p, SURFACE, 6, "u", 0); }
static void endless_string(struct peer *p) { put(p, TOPLEVEL, 2, "uu", 0xfffffffd, 0x41414141); }
static void open_string(struct peer *p) { put(p, TOPLEVEL, 2, "uu", 4, 0x41414141); }
static void null_string(struct peer *p) { put(p, TOPLEVEL, 2, "u", 0); }
static void no_handle_sent(struct peer *p) { put(p, SHM, 0, "uu", NEXT + 1, 4096); }
static void beyond_pool(struct peer *p) { put(p, POOL, 0, "uuuuuu", NEXT + 1, 64 * 64 * 4, 64, 65, 256, 1); }
static void huge_buffer(struct peer *p)
{
    put(p, POOL, 0, "uuuuuu", NEXT + 1, 0, 0x40000001, 0x40000001, 0x7ffffffc, 1);
}
static void bad_format(struct peer *p) { put(p, POOL, 0, "uuuuuu", NEXT + 1, 0, 64, 64, 256, 77); }
static void shrink(struct peer *p) { put(p, POOL, 2, "u", 4096); }
static void second_role(struct peer *p) { put(p, XDG, 1, "u", NEXT + 1); }
static void role_alive(struct peer *p) { put(p, SURFACE, 0, ""); }
static void toplevel_alive(struct peer *p) { put(p, XDG, 0, ""); }
static void surfaces_alive(struct peer *p) { put(p, WM_BASE, 0, ""); }
static void bad_serial(struct peer *p) { put(p, XDG, 4, "u", 0x12345678); }
static void bad_scale(struct peer *p) { put(p, SURFACE, 8, "u", 0); }
static void bad_transform(struct peer *p) { put(p, SURFACE, 7, "u", 8); }
static void no_touch(struct peer *p) { put(p, SEAT, 2, "u", NEXT + 1); }
static void cursor_role(struct peer *p) { put(p, POINTER, 0, "uuuu", 0, SURFACE, 0, 0); }
static void buffer_before_configure(struct peer *p)
{
    put(p, COMPOSITOR, 0, "u", NEXT + 1);
    put(p, WM_BASE, 2, "uu", NEXT + 2, NEXT + 1);
    put(p, XDG, 3, "uuuu", 0, 0, 1, 1);
    put(p, NEXT + 2, 1, "u", NEXT + 3);
    put(p, NEXT + 1, 1, "uuu", BUFFER_A, 0, 0);
    put(p, NEXT + 1, 6, "");
}
static void commit_without_role(struct peer *p)
{
    put(p, COMPOSITOR, 0, "u", NEXT + 1);
    put(p, WM_BASE, 2, "uu", NEXT + 2, NEXT + 1);
    put(p, NEXT + 1, 6, "");
}
static void popup(struct peer *p)
{
    put(p, COMPOSITOR, 0, "u", NEXT + 1);
    put(p, WM_BASE, 2, "uu", NEXT + 2, NEXT + 1);
    put(p, WM_BASE, 1, "u", NEXT + 3);
    put(p, NEXT + 3, 1, "uu", 10, 10);
    put(p, NEXT + 3, 2, "uuuu", 0, 0, 10, 10);
    put(p, NEXT + 2, 2, "uuu", NEXT + 4, XDG, NEXT + 3);
}
static void used_source(struct peer *p)
{
    put(p, MANAGER, 0, "u", SOURCE);
    put(p, DEVICE, 0, "uuuu", SOURCE, SURFACE, 0, 0);
    put(p, DEVICE, 0, "uuuu", SOURCE, SURFACE, 0, 0);
}
static void bad_action(struct peer *p)
{
    put(p, MANAGER, 0, "u", SOURCE);
    put(p, SOURCE, 2, "u", 8);
}

static const struct { void (*put)(struct peer *); u32 object, code; } errors[] = {
    {bad_method, 1, DISPLAY_INVALID_METHOD}, {bad_object, 1, DISPLAY_INVALID_OBJECT},
    {too_new, REGISTRY, DISPLAY_INVALID_OBJECT},
    {used_id, 1, DISPLAY_INVALID_OBJECT}, {far_id, 1, DISPLAY_INVALID_OBJECT}, {server_id, 1, DISPLAY_INVALID_OBJECT},
    {wrong_type, 1, DISPLAY_INVALID_OBJECT}, {null_object, 1, DISPLAY_INVALID_OBJECT},
    {too_short, 1, DISPLAY_INVALID_METHOD}, {too_long, 1, DISPLAY_INVALID_METHOD},
    {endless_string, 1, DISPLAY_INVALID_METHOD}, {open_string, 1, DISPLAY_INVALID_METHOD},
    {null_string, 1, DISPLAY_INVALID_METHOD}, {no_handle_sent, 1, DISPLAY_INVALID_METHOD},
    {beyond_pool, POOL, SHM_INVALID_STRIDE}, {huge_buffer, POOL, SHM_INVALID_STRIDE},
    {bad_format, POOL, SHM_INVALID_FORMAT}, {shrink, POOL, SHM_INVALID_FD},
    {second_role, XDG, XDG_SURFACE_ALREADY_CONSTRUCTED}, {role_alive, SURFACE, SURFACE_DEFUNCT_ROLE_OBJECT},
    {toplevel_alive, XDG, XDG_SURFACE_DEFUNCT_ROLE_OBJECT}, {surfaces_alive, WM_BASE, WM_BASE_DEFUNCT_SURFACES},
    {bad_serial, XDG, XDG_SURFACE_INVALID_SERIAL}, {bad_scale, SURFACE, SURFACE_INVALID_SCALE},
    {bad_transform, SURFACE, SURFACE_INVALID_TRANSFORM}, {no_touch, SEAT, SEAT_MISSING_CAPABILITY},
    {cursor_role, POINTER, POINTER_ROLE}, {buffer_before_configure, NEXT + 2, XDG_SURFACE_UNCONFIGURED_BUFFER},
    {commit_without_role, NEXT + 2, XDG_SURFACE_NOT_CONSTRUCTED}, {popup, 1, DISPLAY_IMPLEMENTATION},
    {used_source, DEVICE, DEVICE_USED_SOURCE}, {bad_action, SOURCE, SOURCE_INVALID_ACTION_MASK},
};

static void each_bad_request_earns_its_error(void)
{
    struct peer *good = with_window(MOCK_RENDERING);
    for (u32 i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct peer *bad = with_window(MOCK_DRAG);
        u32 words[16], measured = mock_count(M_PROTOCOL_ERROR);
        errors[i].put(bad);
        flush(bad);
        bool reported = !mock_open(bad->socket) && came(bad, 1, 0, words) == 1;
        if (!reported || words[0] != errors[i].object || words[1] != errors[i].code) {
            fprintf(stderr, "bad request %u: error for object %u, code %u\n", i, words[0], words[1]);
            exit(1);
        }
        CHECK(mock_count(M_PROTOCOL_ERROR) == measured + 1);
        peer_end(bad);
        forget(good);
        frame(good, i % 2 ? BUFFER_A : BUFFER_B, 64, 0, 64);
        mock_run_until(after_vblank());
        drain(good);
        CHECK(mock_open(good->socket) && came(good, NEXT, 0, NULL) == 1);
        u32 serial;
        if (came(good, WM_BASE, 0, &serial)) {
            put(good, WM_BASE, 3, "u", serial);
            flush(good);
        }
    }
    peer_end(good);
}

/* One surface and one pool belong to the window; destroyed ones free their share of the limit. */
static void limits_hold_for_each_client_alone(void)
{
    mock_limits(3, 2);
    struct peer *other = with_window(MOCK_DRAG), *p = with_window(MOCK_RENDERING);
    u32 words[16] = {0}, noticed = mock_noticed();
    put(p, COMPOSITOR, 0, "u", NEXT + 1);
    put(p, COMPOSITOR, 0, "u", NEXT + 2);
    put(p, NEXT + 1, 0, "");
    put(p, NEXT + 2, 0, "");
    flush(p);
    put(p, SHM, 0, "uu", NEXT + 1, 4096);
    put(p, NEXT + 1, 1, "");
    flush_with(p, mock_shm(4096));
    CHECK(mock_open(p->socket));
    CHECK(mock_noticed() == noticed);
    for (u32 id = NEXT + 1; id < NEXT + 4; id++)
        put(p, COMPOSITOR, 0, "u", id);
    flush(p);
    CHECK(!mock_open(p->socket) && came(p, 1, 0, words) == 1 && words[0] == 1 && words[1] == DISPLAY_NO_MEMORY);
    CHECK(mock_noticed() > noticed && mock_open(other->socket));
    noticed = mock_noticed();
    put(other, SHM, 0, "uu", NEXT + 1, 4096);
    flush_with(other, mock_shm(4096));
    CHECK(mock_open(other->socket) && mock_noticed() == noticed);
    put(other, SHM, 0, "uu", NEXT + 2, 4096);
    flush_with(other, mock_shm(4096));
    CHECK(!mock_open(other->socket) && came(other, 1, 0, words) == 1 && words[1] == DISPLAY_NO_MEMORY);
    peer_end(p);
    peer_end(other);
    mock_limits(0, 0);
}

static void a_full_queue_disconnects(void)
{
    struct peer *p = peer_new(MOCK_RENDERING);
    u32 killed = mock_killed(), noticed = mock_noticed();
    put(p, 1, 1, "u", REGISTRY);
    flush(p);
    for (u32 i = 0; i < 1000 && mock_open(p->socket); i++) {
        put(p, 1, 0, "u", 3);
        mock_send(p->socket, p->batch, p->bytes, no_handle);
        p->bytes = 0;
        mock_run_until(mock_now());
    }
    CHECK(!mock_open(p->socket) && mock_killed() == killed + 1 && mock_noticed() == noticed + 1);
    peer_end(p);
}

int main(void)
{
    mock_start();
    frames_are_shown_and_answered();
    a_window_resizes_and_unmaps();
    a_frame_is_measured_to_its_flip();
    a_late_pass_drops_a_frame();
    input_comes_and_is_measured();
    input_may_be_answered_at_once();
    a_drop_reaches_the_peer();
    requests_may_arrive_in_pieces();
    a_client_without_pong_is_killed();
    each_bad_request_earns_its_error();
    a_full_queue_disconnects();
    objects_are_bounded();
    limits_hold_for_each_client_alone();
    mock_run_until(mock_now() + 100 * ms);
    mock_check_clean();
    puts("ok");
    exit(0);
}
