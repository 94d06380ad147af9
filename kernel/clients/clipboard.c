/* Clipboard workload. Clients of even number in their group copy after each gap, in three types of three sizes; the
 * next client pastes all of them. A copying client reads no pipe and a pasting client writes none: no cycle of waits.
 *
 * With a store, the copied data is kept in it, one record per piece, and read from it for each paste. If the last byte
 * of the data is not END, it was cut short, and the pasting client requests it again. */
#include "clients/client.h"
#include "clients/name.h"
#include "clients/syscall.h"

enum { MIMES = 3, END = 1, PASTE_TRIES = 64 };
static const u64 again_ns = 20000000;          /* after a paste that was cut short */
static const char *const mimes[MIMES] = {"text/plain;charset=utf-8", "text/html", "image/png"};

static u64 next = NEVER;
static u8 data[PIPE_BYTES];
/* copying */
static u32 source, old;                        /* the selection; the previous one */
static bool source_cancelled, old_cancelled;
static u32 sent;                               /* types pasted from the selection so far */
static i32 write_end = -1;
static u32 write_mime;
static bool kept;                              /* the data is in the store */
/* pasting */
static u32 offer, incoming, mime_at;           /* offer being pasted; the next one; type to paste */
static i32 read_end = -1;
static u64 paste_ns;                           /* no paste before */
static u32 cut_short;                          /* pastes cut short in a row */

static bool copies(void) { return config()->place % 2 == 0; }

/* The last type is the largest; each earlier one is a quarter of the next. */
static u32 bytes_of(u32 mime)
{
    u32 bytes = config()->transfer_bytes >> 2 * (MIMES - 1 - mime);
    return bytes ? bytes : 1;
}

static void frame(u64 now)
{
    if (next == NEVER && copies())
        next = now + random_quantile(&gap, gap_table());
}

static u32 mime_named(const char *name)
{
    u32 mime = 0;
    while (name && mime < MIMES - 1 && !strings_equal(name, mimes[mime]))
        mime++;
    return mime;
}

static void source_event(const struct message *message, i32 *handle)
{
    if (message->opcode == SOURCE_SEND) {
        write_end = *handle;
        write_mime = mime_named(message_string(message, 0));
        *handle = -1;
    } else if (message->opcode == SOURCE_CANCELLED) {
        *(message->object == source ? &source_cancelled : &old_cancelled) = true;
    }
}

static bool event(const struct message *message, i32 *handle)
{
    if (message->object == globals.data_device && message->opcode == DEVICE_SELECTION)
        *(offer ? &incoming : &offer) = message_word(message, 0);
    else if (message->object && (message->object == source || message->object == old))
        source_event(message, handle);
    else
        return false;
    return true;
}

static u64 due(void)
{
    return write_end >= 0 || old_cancelled || source_cancelled ? 0 : offer ? paste_ns : next;
}

static i64 call_piece(enum syscall call, u32 piece)
{
    static char name[NAME_BYTES] = "c0000.0000";
    name_number(name + 1, config()->id);
    name_number(name + 6, piece);
    return syscall(call, (u64)name, (u64)data, RECORD_BYTES, 0, 0);
}

static bool keep(void)
{
    u32 pieces = (bytes_of(MIMES - 1) + RECORD_BYTES - 1) / RECORD_BYTES;
    kept = true;
    for (u32 piece = 0; kept && piece < pieces; piece++) {
        data[0] = (u8)piece;
        kept = call_piece(SYS_PUT, piece) >= 0;
    }
    return kept;
}

static bool write_data(void)
{
    u32 whole = config()->stored ? RECORD_BYTES : sizeof data, left = bytes_of(write_mime);
    for (u32 piece = 0, bytes; left; piece++, left -= bytes) {
        bytes = left < whole ? left : whole;
        if (config()->stored && (call_piece(SYS_GET, piece) != RECORD_BYTES || data[0] != (u8)piece))
            return false;
        data[bytes - 1] = left == bytes ? END : 0;
        if (syscall(SYS_PIPE_WRITE, (u64)write_end, (u64)data, bytes, 0, 0) != bytes)
            return false;
    }
    return true;
}

static void give(void)
{
    sent += write_data();
    syscall(SYS_CLOSE, (u64)write_end, 0, 0, 0, 0);
    write_end = -1;
}

static void discard(u32 *which, bool *which_cancelled)
{
    request(*which, SOURCE_DESTROY, "");
    *which = 0;
    *which_cancelled = false;
    batch_send(TAG_COPY_DONE, -1);
}

static void copy(void)
{
    next += random_quantile(&gap, gap_table());
    if (source && sent < MIMES)
        return; /* the last copy is not pasted yet: skipped */
    if (config()->stored && !kept && !keep())
        return; /* the disk refuses it */
    old = source;
    source = id_new();
    sent = 0;
    request(globals.data_device_manager, MANAGER_CREATE_DATA_SOURCE, "u", source);
    for (u32 i = 0; i < MIMES; i++)
        request(source, SOURCE_OFFER, "s", mimes[i]);
    request(globals.data_device, DEVICE_SET_SELECTION, "uu", source, 0);
    batch_send(TAG_COPY, -1);
}

static void paste(void)
{
    i32 ends[2];
    if (syscall(SYS_PIPE, (u64)ends, 0, 0, 0, 0) < 0)
        client_give_up();
    request(offer, OFFER_RECEIVE, "s", mimes[mime_at]);
    batch_send(TAG_PASTE, ends[1]);
    syscall(SYS_CLOSE, (u64)ends[1], 0, 0, 0, 0);
    read_end = ends[0];
}

static bool read_data(void)
{
    u8 last = 0;
    for (i64 bytes; (bytes = syscall(SYS_PIPE_READ, (u64)read_end, (u64)data, sizeof data, 0, 0)) > 0;)
        last = data[bytes - 1];
    syscall(SYS_CLOSE, (u64)read_end, 0, 0, 0, 0);
    read_end = -1;
    return last == END;
}

static void paste_next(void)
{
    if (read_end >= 0) {
        bool whole = read_data();
        if (!whole && !incoming && ++cut_short < PASTE_TRIES) {
            paste_ns = clock_ns() + again_ns;
            return;
        }
        cut_short = 0;
        mime_at = whole ? mime_at + 1 : MIMES;
    }
    if (mime_at < MIMES) {
        paste();
        return;
    }
    request(offer, OFFER_DESTROY, "");
    offer = incoming;
    incoming = mime_at = 0;
    batch_send(TAG_PASTE_DONE, -1);
}

static void act(void)
{
    if (write_end >= 0)
        give();
    else if (old_cancelled)
        discard(&old, &old_cancelled);
    else if (source_cancelled)
        discard(&source, &source_cancelled);
    else if (offer)
        paste_next();
    else
        copy();
}

static void leave(void)
{
    u32 *const sources[] = {&old, &source};
    for (u32 i = 0; i < 2; i++)
        if (*sources[i])
            request(*sources[i], SOURCE_DESTROY, "");
    if (offer)
        request(offer, OFFER_DESTROY, "");
    if (incoming)
        request(incoming, OFFER_DESTROY, "");
}

const struct behaviour clipboard = {.frame = frame, .event = event, .due = due, .act = act, .leave = leave};
