/* The remote display session (docs/explanation/remote-display.md): a server that sends the screen's content, and a
 * remote display that shows it and answers. They share a thread, and nothing else but the frames between two devices.
 * */
#include "remote/session.h"
#include "core/sched.h"
#include "drivers/display.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "remote/message.h"

#define PRIORITY_NETWORK 19

static struct thread network_thread;
static bool present, link_changed;
static u64 arrives_ns[NET_SIDES] = { NEVER, NEVER }; /* the next frame to this side is due */
static u8 frame[NET_FRAME_BYTES];

static struct { u32 sequence; u64 next_ns, sent_ns, heard_ns, digest; bool lost; } server;
static struct { u32 sequence; u8 cells[REMOTE_CELLS * sizeof(u32)]; } display;

/* ---- Frames ---- */

static struct message *compose(enum net_side from, enum message_kind kind, u32 sequence)
{
    struct message *message = (struct message *)frame;
    memcpy(message->to, net_address(!from), NET_ADDRESS_BYTES);
    memcpy(message->from, net_address(from), NET_ADDRESS_BYTES);
    message->ethertype = ETHERTYPE_REMOTE;
    message->kind = (u16)kind;
    message->sequence = sequence;
    return message;
}

static void send(enum net_side from, const struct message *message, u64 now)
{
    u32 bytes = message_bytes(message->kind);
    net_send(from, message, bytes);
    arrives_ns[!from] = now + scenario_network()->latency_ns;
    trace_point(P_NET_SEND, from, bytes);
}

/* ---- The server ---- */

/* Copies the centre pixel of each cell. */
static void sample(u8 *cells)
{
    const u32 *pixels = display_front();
    u32 width = scenario()->width, height = scenario()->height;
    for (u32 row = 0; row < REMOTE_ROWS; row++) {
        const u32 *line = pixels + (2 * row + 1) * height / (2 * REMOTE_ROWS) * width;
        for (u32 column = 0; column < REMOTE_COLUMNS; column++, cells += sizeof(u32))
            memcpy(cells, &line[(2 * column + 1) * width / (2 * REMOTE_COLUMNS)], sizeof(u32));
    }
}

static void send_update(u64 now)
{
    struct message *message = compose(NET_SERVER, MESSAGE_UPDATE, ++server.sequence);
    sample(message->cells);
    message->digest = server.digest = message_digest(message->cells);
    server.sent_ns = now;
    while (server.next_ns <= now)
        server.next_ns += scenario_network()->heartbeat_ns;
    send(NET_SERVER, message, now);
}

static void lose(enum detection how)
{
    if (server.lost || !detector_on(how))
        return;
    server.lost = true;
    failure_detected(FAULT_TARGET_NETWORK, how);
    if (failure_open(FAULT_TARGET_NETWORK))
        failure_recovering(FAULT_TARGET_NETWORK);
}

/* An answer counts if the remote display shows the update that was sent last. */
static void take_answer(const struct message *message, u32 bytes, u64 now)
{
    if (!message_valid(message, bytes, MESSAGE_ANSWER, net_address(NET_SERVER)) ||
        message->sequence != server.sequence || message->digest != server.digest)
        return;
    server.heard_ns = now;
    trace_measure(M_REMOTE_UPDATE, server.sequence, now - server.sent_ns);
    if (!server.lost)
        return;
    server.lost = false;
    failure_recovered(FAULT_TARGET_NETWORK);
}

static u64 timeout_ns(void)
{
    return server.lost || !detector_on(DETECTED_HEARTBEAT) ? NEVER : server.heard_ns + scenario_network()->timeout_ns;
}

/* ---- The remote display ---- */

static void show_update(const struct message *message, u32 bytes, u64 now)
{
    bool valid = message_valid(message, bytes, MESSAGE_UPDATE, net_address(NET_REMOTE));
    if (!valid || (i32)(message->sequence - display.sequence) <= 0)
        return;
    memcpy(display.cells, message->cells, sizeof display.cells);
    display.sequence = message->sequence;
    struct message *answer = compose(NET_REMOTE, MESSAGE_ANSWER, display.sequence);
    answer->digest = message_digest(display.cells);
    send(NET_REMOTE, answer, now);
}

/* ---- The thread ---- */

static void take(enum net_side side, u64 now)
{
    const struct message *message = (const struct message *)frame;
    u32 bytes = net_receive(side, frame);
    if (!bytes)
        arrives_ns[side] = NEVER;
    trace_point(P_NET_RECEIVE, side, bytes);
    if (bytes && side == NET_SERVER)
        take_answer(message, bytes, now);
    else if (bytes)
        show_update(message, bytes, now);
}

static void check_link(void)
{
    bool up = net_link(NET_SERVER);
    link_changed = false;
    if (!up)
        lose(DETECTED_LINK_DOWN);
    trace_point(P_LINK, NET_SERVER, up);
}

static void network_main(void *unused)
{
    (void)unused;
    service_end(FLAGS_IF);
    for (;;) {
        u64 flags = service_begin(), now = clock_ns();
        if (link_changed) {
            check_link();
        } else if (arrives_ns[NET_REMOTE] <= now) {
            take(NET_REMOTE, now);
        } else if (arrives_ns[NET_SERVER] <= now) {
            take(NET_SERVER, now);
        } else if (server.next_ns <= now) {
            send_update(now);
        } else if (timeout_ns() <= now) {
            lose(DETECTED_HEARTBEAT);
            trace_point(P_LINK, NET_SERVER, 0);
        } else {
            u64 arrival = min_u64(arrives_ns[NET_REMOTE], arrives_ns[NET_SERVER]);
            thread_block(min_u64(arrival, min_u64(server.next_ns, timeout_ns())));
        }
        service_end(flags);
    }
}

void remote_link_changed(void)
{
    link_changed = true;
    thread_ready(&network_thread);
}

void remote_start(void)
{
    if (!present)
        return;
    server.next_ns = scenario_network()->heartbeat_ns;
    thread_ready(&network_thread);
}

void remote_init(void)
{
    present = scenario_network()->heartbeat_ns;
    if (!present)
        return;
    KERNEL_ASSERT(net_init(), "network:no devices");
    bool made = thread_init(&network_thread, THREAD_NETWORK, "network", PRIORITY_NETWORK, network_main, NULL);
    KERNEL_ASSERT(made, "boot:memory");
}
