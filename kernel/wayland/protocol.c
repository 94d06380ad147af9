/* The tables of interfaces, requests, globals and events (protocol.h). A test compares them with the published XML. */
#include "wayland/protocol.h"

#define REQUESTS(...) \
    sizeof((const struct request[]){__VA_ARGS__}) / sizeof(struct request), (const struct request[]){__VA_ARGS__}
#define IGNORED request_ignored
#define DESTROY request_destroy

const struct interface interfaces[] = {
    [WL_DISPLAY] = {"wl_display", REQUESTS(
        {"sync", "n", 1, {WL_CALLBACK}, display_sync},
        {"get_registry", "n", 1, {WL_REGISTRY}, display_get_registry}), NULL},
    [WL_REGISTRY] = {"wl_registry", REQUESTS(
        {"bind", "usun", 1, {0}, registry_bind}), NULL},
    [WL_CALLBACK] = {"wl_callback", 0, NULL, callback_destroyed},
    [WL_COMPOSITOR] = {"wl_compositor", REQUESTS(
        {"create_surface", "n", 1, {WL_SURFACE}, compositor_create_surface},
        {"create_region", "n", 1, {WL_REGION}, compositor_create_region}), NULL},
    [WL_SHM_POOL] = {"wl_shm_pool", REQUESTS(
        {"create_buffer", "niiiiu", 1, {WL_BUFFER}, pool_create_buffer},
        {"destroy", "", 1, {0}, DESTROY},
        {"resize", "i", 1, {0}, pool_resize}), pool_destroyed},
    [WL_SHM] = {"wl_shm", REQUESTS(
        {"create_pool", "nhi", 1, {WL_SHM_POOL}, shm_create_pool}), NULL},
    [WL_BUFFER] = {"wl_buffer", REQUESTS(
        {"destroy", "", 1, {0}, DESTROY}), buffer_destroyed},
    [WL_DATA_OFFER] = {"wl_data_offer", REQUESTS(
        {"accept", "uS", 1, {0}, offer_accept},
        {"receive", "sh", 1, {0}, offer_receive},
        {"destroy", "", 1, {0}, DESTROY},
        {"finish", "", 3, {0}, offer_finish},
        {"set_actions", "uu", 3, {0}, offer_set_actions}), offer_destroyed},
    [WL_DATA_SOURCE] = {"wl_data_source", REQUESTS(
        {"offer", "s", 1, {0}, source_offer},
        {"destroy", "", 1, {0}, DESTROY},
        {"set_actions", "u", 3, {0}, source_set_actions}), source_destroyed},
    [WL_DATA_DEVICE] = {"wl_data_device", REQUESTS(
        {"start_drag", "OoOu", 1, {WL_DATA_SOURCE, WL_SURFACE, WL_SURFACE}, device_start_drag},
        {"set_selection", "Ou", 1, {WL_DATA_SOURCE}, device_set_selection},
        {"release", "", 2, {0}, DESTROY}), device_destroyed},
    [WL_DATA_DEVICE_MANAGER] = {"wl_data_device_manager", REQUESTS(
        {"create_data_source", "n", 1, {WL_DATA_SOURCE}, manager_create_data_source},
        {"get_data_device", "no", 1, {WL_DATA_DEVICE, WL_SEAT}, manager_get_data_device}), NULL},
    [WL_SURFACE] = {"wl_surface", REQUESTS(
        {"destroy", "", 1, {0}, surface_destroy},
        {"attach", "Oii", 1, {WL_BUFFER}, surface_attach},
        {"damage", "iiii", 1, {0}, surface_damage},
        {"frame", "n", 1, {WL_CALLBACK}, surface_frame},
        {"set_opaque_region", "O", 1, {WL_REGION}, IGNORED},
        {"set_input_region", "O", 1, {WL_REGION}, IGNORED},
        {"commit", "", 1, {0}, surface_commit},
        {"set_buffer_transform", "i", 2, {0}, surface_set_buffer_transform},
        {"set_buffer_scale", "i", 3, {0}, surface_set_buffer_scale},
        {"damage_buffer", "iiii", 4, {0}, surface_damage}), surface_destroyed},
    [WL_SEAT] = {"wl_seat", REQUESTS(
        {"get_pointer", "n", 1, {WL_POINTER}, seat_get_pointer},
        {"get_keyboard", "n", 1, {WL_KEYBOARD}, seat_get_keyboard},
        {"get_touch", "n", 1, {0}, seat_get_touch},
        {"release", "", 5, {0}, DESTROY}), NULL},
    [WL_POINTER] = {"wl_pointer", REQUESTS(
        {"set_cursor", "uOii", 1, {WL_SURFACE}, pointer_set_cursor},
        {"release", "", 3, {0}, DESTROY}), pointer_destroyed},
    [WL_KEYBOARD] = {"wl_keyboard", REQUESTS(
        {"release", "", 3, {0}, DESTROY}), keyboard_destroyed},
    [WL_OUTPUT] = {"wl_output", REQUESTS(
        {"release", "", 3, {0}, DESTROY}), NULL},
    [WL_REGION] = {"wl_region", REQUESTS(
        {"destroy", "", 1, {0}, DESTROY},
        {"add", "iiii", 1, {0}, IGNORED},
        {"subtract", "iiii", 1, {0}, IGNORED}), NULL},
    [XDG_WM_BASE] = {"xdg_wm_base", REQUESTS(
        {"destroy", "", 1, {0}, wm_base_destroy},
        {"create_positioner", "n", 1, {XDG_POSITIONER}, wm_base_create_positioner},
        {"get_xdg_surface", "no", 1, {XDG_SURFACE, WL_SURFACE}, wm_base_get_xdg_surface},
        {"pong", "u", 1, {0}, wm_base_pong}), wm_base_destroyed},
    [XDG_POSITIONER] = {"xdg_positioner", REQUESTS(
        {"destroy", "", 1, {0}, DESTROY},
        {"set_size", "ii", 1, {0}, positioner_set_size},
        {"set_anchor_rect", "iiii", 1, {0}, positioner_set_anchor_rect},
        {"set_anchor", "u", 1, {0}, positioner_set_anchor},
        {"set_gravity", "u", 1, {0}, positioner_set_anchor},
        {"set_constraint_adjustment", "u", 1, {0}, IGNORED},
        {"set_offset", "ii", 1, {0}, IGNORED},
        {"set_reactive", "", 3, {0}, IGNORED},
        {"set_parent_size", "ii", 3, {0}, IGNORED},
        {"set_parent_configure", "u", 3, {0}, IGNORED}), NULL},
    [XDG_SURFACE] = {"xdg_surface", REQUESTS(
        {"destroy", "", 1, {0}, xdg_surface_destroy},
        {"get_toplevel", "n", 1, {XDG_TOPLEVEL}, xdg_surface_get_toplevel},
        {"get_popup", "nOo", 1, {0, XDG_SURFACE, XDG_POSITIONER}, xdg_surface_get_popup},
        {"set_window_geometry", "iiii", 1, {0}, xdg_surface_set_window_geometry},
        {"ack_configure", "u", 1, {0}, xdg_surface_ack_configure}), xdg_surface_destroyed},
    [XDG_TOPLEVEL] = {"xdg_toplevel", REQUESTS(
        {"destroy", "", 1, {0}, toplevel_destroy},
        {"set_parent", "O", 1, {XDG_TOPLEVEL}, toplevel_set_parent},
        {"set_title", "s", 1, {0}, IGNORED},
        {"set_app_id", "s", 1, {0}, IGNORED},
        {"show_window_menu", "ouii", 1, {WL_SEAT}, IGNORED},
        {"move", "ou", 1, {WL_SEAT}, IGNORED},
        {"resize", "ouu", 1, {WL_SEAT}, toplevel_resize},
        {"set_max_size", "ii", 1, {0}, toplevel_set_bounds},
        {"set_min_size", "ii", 1, {0}, toplevel_set_bounds},
        {"set_maximized", "", 1, {0}, toplevel_set_maximized},
        {"unset_maximized", "", 1, {0}, toplevel_unset_maximized},
        {"set_fullscreen", "O", 1, {WL_OUTPUT}, toplevel_set_fullscreen},
        {"unset_fullscreen", "", 1, {0}, toplevel_unset_fullscreen},
        {"set_minimized", "", 1, {0}, toplevel_set_minimized}), toplevel_destroyed},
    [ZXDG_DECORATION_MANAGER_V1] = {"zxdg_decoration_manager_v1", REQUESTS(
        {"destroy", "", 1, {0}, DESTROY},
        {"get_toplevel_decoration", "no", 1, {ZXDG_TOPLEVEL_DECORATION_V1, XDG_TOPLEVEL},
         decoration_manager_get}), NULL},
    [ZXDG_TOPLEVEL_DECORATION_V1] = {"zxdg_toplevel_decoration_v1", REQUESTS(
        {"destroy", "", 1, {0}, DESTROY},
        {"set_mode", "u", 1, {0}, decoration_set_mode},
        {"unset_mode", "", 1, {0}, decoration_unset_mode}), decoration_destroyed},
};

const struct global globals[GLOBALS] = {
    {WL_COMPOSITOR, 4, sizeof(struct object), NULL},
    {WL_SHM, 1, sizeof(struct object), shm_bound},
    {WL_SEAT, 5, sizeof(struct object), seat_bound},
    {WL_OUTPUT, 3, sizeof(struct object), output_bound},
    {WL_DATA_DEVICE_MANAGER, 3, sizeof(struct object), NULL},
    {XDG_WM_BASE, 3, sizeof(struct wm_base), wm_base_bound},
    {ZXDG_DECORATION_MANAGER_V1, 1, sizeof(struct object), NULL},
};

const struct event_kind event_kinds[EVENTS] = {
    [EVENT_DISPLAY_ERROR] = {0, "uus"},
    [EVENT_DISPLAY_DELETE_ID] = {1, "u"},
    [EVENT_REGISTRY_GLOBAL] = {0, "usu"},
    [EVENT_CALLBACK_DONE] = {0, "u"},
    [EVENT_SHM_FORMAT] = {0, "u"},
    [EVENT_BUFFER_RELEASE] = {0, ""},
    [EVENT_OFFER_OFFER] = {0, "s"},
    [EVENT_OFFER_SOURCE_ACTIONS] = {1, "u"},
    [EVENT_OFFER_ACTION] = {2, "u"},
    [EVENT_SOURCE_SEND] = {1, "s"}, /* and a handle, which takes no bytes */
    [EVENT_SOURCE_CANCELLED] = {2, ""},
    [EVENT_SOURCE_DROP_PERFORMED] = {3, ""},
    [EVENT_SOURCE_FINISHED] = {4, ""},
    [EVENT_SOURCE_ACTION] = {5, "u"},
    [EVENT_DEVICE_DATA_OFFER] = {0, "u"},
    [EVENT_DEVICE_ENTER] = {1, "uuiiu"},
    [EVENT_DEVICE_LEAVE] = {2, ""},
    [EVENT_DEVICE_MOTION] = {3, "uii"},
    [EVENT_DEVICE_DROP] = {4, ""},
    [EVENT_DEVICE_SELECTION] = {5, "u"},
    [EVENT_SEAT_CAPABILITIES] = {0, "u"},
    [EVENT_SEAT_NAME] = {1, "s"},
    [EVENT_POINTER_ENTER] = {0, "uuii"},
    [EVENT_POINTER_LEAVE] = {1, "uu"},
    [EVENT_POINTER_MOTION] = {2, "uii"},
    [EVENT_POINTER_FRAME] = {5, ""},
    [EVENT_KEYBOARD_ENTER] = {1, "uua"},
    [EVENT_KEYBOARD_LEAVE] = {2, "uu"},
    [EVENT_KEYBOARD_KEY] = {3, "uuuu"},
    [EVENT_KEYBOARD_MODIFIERS] = {4, "uuuuu"},
    [EVENT_KEYBOARD_REPEAT_INFO] = {5, "ii"},
    [EVENT_OUTPUT_GEOMETRY] = {0, "iiiiissi"},
    [EVENT_OUTPUT_MODE] = {1, "uiii"},
    [EVENT_OUTPUT_DONE] = {2, ""},
    [EVENT_OUTPUT_SCALE] = {3, "i"},
    [EVENT_WM_BASE_PING] = {0, "u"},
    [EVENT_XDG_SURFACE_CONFIGURE] = {0, "u"},
    [EVENT_TOPLEVEL_CONFIGURE] = {0, "iia"},
    [EVENT_TOPLEVEL_CLOSE] = {1, ""},
    [EVENT_DECORATION_CONFIGURE] = {0, "u"},
};
