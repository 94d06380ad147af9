/* The client's end of the wire format: batches of requests, object ids, parsing of events. */
#ifndef RAYOS_CLIENT_WIRE_H
#define RAYOS_CLIENT_WIRE_H
#include "clients/syscall.h"

enum { MAX_IDS = 128, FIRST_SERVER_ID = 0xff000000 };

/* Opcodes of the published XML: those the client sends ... */
enum {
    DISPLAY_SYNC = 0, DISPLAY_GET_REGISTRY = 1, REGISTRY_BIND = 0, COMPOSITOR_CREATE_SURFACE = 0,
    SHM_CREATE_POOL = 0, POOL_CREATE_BUFFER = 0, POOL_DESTROY = 1, BUFFER_DESTROY = 0,
    SURFACE_DESTROY = 0, SURFACE_ATTACH = 1, SURFACE_DAMAGE = 2, SURFACE_FRAME = 3, SURFACE_COMMIT = 6,
    SURFACE_DAMAGE_BUFFER = 9,
    SEAT_GET_POINTER = 0, SEAT_GET_KEYBOARD = 1, SEAT_RELEASE = 3, POINTER_RELEASE = 1, KEYBOARD_RELEASE = 0,
    OUTPUT_RELEASE = 0,
    MANAGER_CREATE_DATA_SOURCE = 0, MANAGER_GET_DATA_DEVICE = 1,
    DEVICE_START_DRAG = 0, DEVICE_SET_SELECTION = 1, DEVICE_RELEASE = 2,
    SOURCE_OFFER = 0, SOURCE_DESTROY = 1, SOURCE_SET_ACTIONS = 2,
    OFFER_ACCEPT = 0, OFFER_RECEIVE = 1, OFFER_DESTROY = 2, OFFER_FINISH = 3, OFFER_SET_ACTIONS = 4,
    WM_BASE_DESTROY = 0, WM_BASE_GET_XDG_SURFACE = 2, WM_BASE_PONG = 3,
    XDG_SURFACE_DESTROY = 0, XDG_SURFACE_GET_TOPLEVEL = 1, XDG_SURFACE_ACK_CONFIGURE = 4,
    TOPLEVEL_DESTROY = 0, TOPLEVEL_SET_TITLE = 2, TOPLEVEL_RESIZE = 6,
    TOPLEVEL_SET_MAXIMIZED = 9, TOPLEVEL_UNSET_MAXIMIZED = 10,
    TOPLEVEL_SET_FULLSCREEN = 11, TOPLEVEL_UNSET_FULLSCREEN = 12, TOPLEVEL_SET_MINIMIZED = 13,
    DECORATION_MANAGER_DESTROY = 0, DECORATION_MANAGER_GET = 1, DECORATION_DESTROY = 0,
};
/* ... and those of the events that it handles. */
enum {
    DISPLAY_ERROR = 0, DISPLAY_DELETE_ID = 1, REGISTRY_GLOBAL = 0, CALLBACK_DONE = 0,
    POINTER_MOTION = 2, KEYBOARD_KEY = 3,
    DEVICE_DATA_OFFER = 0, DEVICE_ENTER = 1, DEVICE_LEAVE = 2, DEVICE_DROP = 4, DEVICE_SELECTION = 5,
    TOPLEVEL_CONFIGURE = 0, TOPLEVEL_CLOSE = 1, SOURCE_SEND = 1, SOURCE_CANCELLED = 2, SOURCE_FINISHED = 4,
    WM_BASE_PING = 0, XDG_SURFACE_CONFIGURE = 0,
};

/* ---- Requests ---- */
u32 id_new(void);                        /* a free id; exits if there is none */
void id_free(u32 id);                    /* on delete_id */
void request(u32 object, u32 opcode, const char *signature, ...); /* u: a word, s: a string or NULL */
void request_raw(u32 object, u32 header); /* two words, valid or not */
void request_noise(u32 (*next)(void), u32 words);
void batch_discard(void);                /* drops requests that are not sent */
void batch_send(u32 tag, i32 handle);    /* handle or -1; reports the drawing since the last batch */
extern bool connection_closed;           /* a send or receive has failed */
void drawn(u32 steps, u32 rows);         /* counts drawing, for batch_send */

/* ---- Events ---- */
struct message { u32 object, opcode, bytes; const u32 *words; u32 word_count; };
bool events_receive(u64 deadline, i32 *handle); /* waits; *handle: received, or -1; false: no events */
bool events_next(struct message *message); /* false: none left */
u32 message_word(const struct message *message, u32 index); /* 0: beyond the end */
/* The NUL-terminated string that starts at word `index`; NULL if it is malformed. */
const char *message_string(const struct message *message, u32 index);
bool strings_equal(const char *a, const char *b);
#endif
