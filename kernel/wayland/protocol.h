/* The protocol as data: signature, first version and handler by opcode. From the published wayland.xml and
 * xdg-shell.xml. */
#ifndef RAYOS_PROTOCOL_H
#define RAYOS_PROTOCOL_H
#include "wayland/wayland.h"

/* A signature has one letter per argument: i int, u uint, f fixed, s string, o object, n new_id, a array, h handle; S
 * and O may be null. `types` holds the interfaces of its o, O and n, in order. */
struct request {
    const char *name;
    const char *signature;
    u8 since;
    u8 types[3];
    void (*handle)(struct client *client, void *object, const union argument *arguments);
};
struct interface {
    const char *name;
    u8 request_count;
    const struct request *requests;
    void (*destroyed)(struct object *object); /* clears pointers to the object and frees it; NULL: only frees it */
};
extern const struct interface interfaces[];  /* by enum wayland_interface */

struct global { u8 interface; u8 version; u16 bytes; void (*bound)(struct object *object); };
extern const struct global globals[];         /* a global's name is its index + 1 */
enum { GLOBALS = 7 };

enum event {
    EVENT_DISPLAY_ERROR, EVENT_DISPLAY_DELETE_ID, EVENT_REGISTRY_GLOBAL, EVENT_CALLBACK_DONE, EVENT_SHM_FORMAT,
    EVENT_BUFFER_RELEASE,
    EVENT_OFFER_OFFER, EVENT_OFFER_SOURCE_ACTIONS, EVENT_OFFER_ACTION,
    EVENT_SOURCE_SEND, EVENT_SOURCE_CANCELLED, EVENT_SOURCE_DROP_PERFORMED, EVENT_SOURCE_FINISHED, EVENT_SOURCE_ACTION,
    EVENT_DEVICE_DATA_OFFER, EVENT_DEVICE_ENTER, EVENT_DEVICE_LEAVE, EVENT_DEVICE_MOTION, EVENT_DEVICE_DROP,
    EVENT_DEVICE_SELECTION,
    EVENT_SEAT_CAPABILITIES, EVENT_SEAT_NAME,
    EVENT_POINTER_ENTER, EVENT_POINTER_LEAVE, EVENT_POINTER_MOTION, EVENT_POINTER_FRAME,
    EVENT_KEYBOARD_ENTER, EVENT_KEYBOARD_LEAVE, EVENT_KEYBOARD_KEY, EVENT_KEYBOARD_MODIFIERS,
    EVENT_KEYBOARD_REPEAT_INFO,
    EVENT_OUTPUT_GEOMETRY, EVENT_OUTPUT_MODE, EVENT_OUTPUT_DONE, EVENT_OUTPUT_SCALE,
    EVENT_WM_BASE_PING, EVENT_XDG_SURFACE_CONFIGURE, EVENT_TOPLEVEL_CONFIGURE, EVENT_TOPLEVEL_CLOSE,
    EVENT_DECORATION_CONFIGURE,
    EVENTS
};
struct event_kind { u8 opcode; const char *signature; };
extern const struct event_kind event_kinds[EVENTS];

/* Error codes of the published enums. */
enum { DISPLAY_INVALID_OBJECT = 0, DISPLAY_INVALID_METHOD = 1, DISPLAY_NO_MEMORY = 2, DISPLAY_IMPLEMENTATION = 3 };
enum { SHM_INVALID_FORMAT = 0, SHM_INVALID_STRIDE = 1, SHM_INVALID_FD = 2 };
enum { SURFACE_INVALID_SCALE = 0, SURFACE_INVALID_TRANSFORM = 1, SURFACE_DEFUNCT_ROLE_OBJECT = 4 };
enum { OFFER_INVALID_FINISH = 0, OFFER_INVALID_ACTION_MASK = 1, OFFER_INVALID_ACTION = 2, OFFER_INVALID_OFFER = 3 };
enum { SOURCE_INVALID_ACTION_MASK = 0, SOURCE_INVALID_SOURCE = 1 };
enum { DEVICE_ROLE = 0, DEVICE_USED_SOURCE = 1 };
enum { POINTER_ROLE = 0, SEAT_MISSING_CAPABILITY = 0 };
enum { WM_BASE_ROLE = 0, WM_BASE_DEFUNCT_SURFACES = 1, WM_BASE_INVALID_POPUP_PARENT = 3,
       WM_BASE_INVALID_SURFACE_STATE = 4, WM_BASE_INVALID_POSITIONER = 5 };
enum { POSITIONER_INVALID_INPUT = 0 };
enum { XDG_SURFACE_NOT_CONSTRUCTED = 1, XDG_SURFACE_ALREADY_CONSTRUCTED = 2, XDG_SURFACE_UNCONFIGURED_BUFFER = 3,
       XDG_SURFACE_INVALID_SERIAL = 4, XDG_SURFACE_INVALID_SIZE = 5, XDG_SURFACE_DEFUNCT_ROLE_OBJECT = 6 };
enum { TOPLEVEL_INVALID_RESIZE_EDGE = 0, TOPLEVEL_INVALID_PARENT = 1, TOPLEVEL_INVALID_SIZE = 2 };
enum { DECORATION_UNCONFIGURED_BUFFER = 0, DECORATION_ALREADY_CONSTRUCTED = 1, DECORATION_ORPHANED = 2,
       DECORATION_INVALID_MODE = 3 };

#define HANDLER(name) void name(struct client *client, void *object, const union argument *arguments)
/* client.c, for any interface */
HANDLER(request_ignored);
HANDLER(request_destroy);                      /* an unconditional destructor */
/* client.c */
HANDLER(display_sync); HANDLER(display_get_registry); HANDLER(registry_bind);
/* surface.c */
HANDLER(compositor_create_surface); HANDLER(surface_destroy); HANDLER(surface_attach); HANDLER(surface_damage);
HANDLER(surface_frame); HANDLER(surface_commit); HANDLER(surface_set_buffer_transform);
HANDLER(surface_set_buffer_scale);
/* region.c */
HANDLER(compositor_create_region);
/* pool.c */
HANDLER(shm_create_pool); HANDLER(pool_create_buffer); HANDLER(pool_resize);
/* seat.c */
HANDLER(seat_get_pointer); HANDLER(seat_get_keyboard); HANDLER(seat_get_touch); HANDLER(pointer_set_cursor);
/* data_device.c */
HANDLER(manager_create_data_source); HANDLER(manager_get_data_device); HANDLER(source_offer);
HANDLER(source_set_actions); HANDLER(device_start_drag);
HANDLER(offer_accept); HANDLER(offer_receive); HANDLER(offer_finish); HANDLER(offer_set_actions);
/* xdg.c */
HANDLER(wm_base_destroy); HANDLER(wm_base_create_positioner); HANDLER(wm_base_get_xdg_surface); HANDLER(wm_base_pong);
HANDLER(positioner_set_size); HANDLER(positioner_set_anchor_rect); HANDLER(positioner_set_anchor);
HANDLER(xdg_surface_destroy); HANDLER(xdg_surface_get_toplevel); HANDLER(xdg_surface_get_popup);
HANDLER(xdg_surface_set_window_geometry); HANDLER(xdg_surface_ack_configure);
HANDLER(toplevel_destroy); HANDLER(toplevel_set_parent); HANDLER(toplevel_set_bounds);
/* shell.c */
HANDLER(toplevel_resize); HANDLER(toplevel_set_maximized); HANDLER(toplevel_unset_maximized);
HANDLER(toplevel_set_fullscreen); HANDLER(toplevel_unset_fullscreen); HANDLER(toplevel_set_minimized);
HANDLER(decoration_manager_get); HANDLER(decoration_set_mode); HANDLER(decoration_unset_mode);
/* selection.c */
HANDLER(device_set_selection);

void callback_destroyed(struct object *object);
void pool_destroyed(struct object *object);
void buffer_destroyed(struct object *object);
void offer_destroyed(struct object *object);
void source_destroyed(struct object *object);
void device_destroyed(struct object *object);
void surface_destroyed(struct object *object);
void pointer_destroyed(struct object *object);
void keyboard_destroyed(struct object *object);
void wm_base_destroyed(struct object *object);
void xdg_surface_destroyed(struct object *object);
void toplevel_destroyed(struct object *object);
void decoration_destroyed(struct object *object);
#endif
