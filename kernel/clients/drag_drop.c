/* Drag-and-drop workload: starts a drag after each gap; as the peer of another client, accepts its drop and reads the
 * data.
 *
 * Never blocks on a pipe while its own drag waits for `send`: a client that must write is always receiving events, and
 * clients that drop on each other (or on themselves) at the same time cannot deadlock. */
#include "clients/client.h"

enum { COPY = 1, MAX_STEPS = 16 };
enum step { STEP_ACCEPT, STEP_RECEIVE, STEP_DISCARD, STEP_WRITE, STEP_DONE };

static const char mime[] = "text/plain;charset=utf-8";
static u64 next = NEVER;
static u8 data[PIPE_BYTES];
static enum step steps[MAX_STEPS];             /* steps that events call for, in order */
static u32 steps_added, steps_done;
static u32 source;                             /* of the drag in progress; 0: none */
static bool unsent;                            /* ... and its data was not requested yet */
static u32 offer, offer_serial;                /* of the drag of which it is the target; 0: none */
static i32 read_end = -1, write_end = -1;

static void frame(u64 now)
{
    if (next == NEVER)
        next = now + random_quantile(&gap, gap_table());
}

static void add(enum step step)
{
    if (steps_added - steps_done < MAX_STEPS)
        steps[steps_added++ % MAX_STEPS] = step;
}

static void close_handle(i32 *handle)
{
    if (*handle >= 0)
        syscall(SYS_CLOSE, (u64)*handle, 0, 0, 0, 0);
    *handle = -1;
}

static void device_event(const struct message *message)
{
    switch (message->opcode) {
    case DEVICE_DATA_OFFER:
        if (offer) /* an earlier offer whose source is gone */
            request(offer, OFFER_DESTROY, "");
        close_handle(&read_end);
        offer = message_word(message, 0);
        break;
    case DEVICE_ENTER:
        offer_serial = message_word(message, 0);
        add(STEP_ACCEPT);
        break;
    case DEVICE_LEAVE:
        add(STEP_DISCARD);
        break;
    case DEVICE_DROP:
        add(STEP_RECEIVE);
        break;
    }
}

static void source_event(const struct message *message, i32 *handle)
{
    switch (message->opcode) {
    case SOURCE_SEND:
        close_handle(&write_end);
        write_end = *handle;
        *handle = -1;
        unsent = false;
        add(STEP_WRITE);
        break;
    case SOURCE_CANCELLED: case SOURCE_FINISHED:
        unsent = false;
        add(STEP_DONE);
        break;
    }
}

static bool event(const struct message *message, i32 *handle)
{
    if (message->object == globals.data_device)
        device_event(message);
    else if (source && message->object == source)
        source_event(message, handle);
    else
        return false;
    return true;
}

static u64 due(void)
{
    return steps_added != steps_done || (read_end >= 0 && !unsent) ? 0 : next;
}

static void start_drag(void)
{
    next += random_quantile(&gap, gap_table());
    if (source)
        return; /* the last drag is not finished: skip this one */
    source = id_new();
    unsent = true;
    request(globals.data_device_manager, MANAGER_CREATE_DATA_SOURCE, "u", source);
    request(source, SOURCE_OFFER, "s", mime);
    request(source, SOURCE_SET_ACTIONS, "u", COPY);
    request(globals.data_device, DEVICE_START_DRAG, "uuuu", source, windows[0].surface, 0, 0);
    batch_send(TAG_DRAG, -1);
}

static void accept(void)
{
    request(offer, OFFER_ACCEPT, "us", offer_serial, mime);
    request(offer, OFFER_SET_ACTIONS, "uu", COPY, COPY);
    batch_send(TAG_ACCEPT, -1);
}

static void receive(void)
{
    i32 ends[2];
    if (syscall(SYS_PIPE, (u64)ends, 0, 0, 0, 0) < 0)
        client_give_up();
    request(offer, OFFER_RECEIVE, "s", mime);
    batch_send(TAG_RECEIVE, ends[1]);
    close_handle(&ends[1]);
    read_end = ends[0];
}

static void read_and_finish(void)
{
    while (syscall(SYS_PIPE_READ, (u64)read_end, (u64)data, sizeof data, 0, 0) > 0) {}
    close_handle(&read_end);
    request(offer, OFFER_FINISH, "");
    request(offer, OFFER_DESTROY, "");
    offer = 0;
    batch_send(TAG_FINISH, -1);
}

static void discard(void)
{
    request(offer, OFFER_DESTROY, "");
    offer = 0;
    batch_send(TAG_FINISH, -1);
}

static void write_data(void)
{
    for (u64 left = config()->transfer_bytes; left;) {
        u64 bytes = left < sizeof data ? left : sizeof data;
        i64 written = syscall(SYS_PIPE_WRITE, (u64)write_end, (u64)data, bytes, 0, 0);
        if (written <= 0)
            break;
        left -= (u64)written;
    }
    close_handle(&write_end);
}

static void done(void)
{
    request(source, SOURCE_DESTROY, "");
    source = 0;
    batch_send(TAG_DRAG_DONE, -1);
}

static void take_step(enum step step)
{
    switch (step) {
    case STEP_ACCEPT: if (offer) accept(); break;
    case STEP_RECEIVE: if (offer && read_end < 0) receive(); break;
    case STEP_DISCARD: if (offer) discard(); break;
    case STEP_WRITE: if (write_end >= 0) write_data(); break;
    case STEP_DONE: if (source) done(); break;
    }
}

static void act(void)
{
    if (steps_added != steps_done)
        take_step(steps[steps_done++ % MAX_STEPS]);
    else if (read_end >= 0 && !unsent)
        read_and_finish();
    else
        start_drag();
}

static void leave(void)
{
    if (source)
        request(source, SOURCE_DESTROY, "");
    if (offer)
        request(offer, OFFER_DESTROY, "");
}

const struct behaviour drag_drop = {.frame = frame, .event = event, .due = due, .act = act, .leave = leave};
