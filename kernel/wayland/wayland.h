/* The compositor's structures and functions. Its thread owns all of them: no locks. */
#ifndef RAYOS_WAYLAND_H
#define RAYOS_WAYLAND_H
#include "core/heap.h"
#include "drivers/display.h"
#include "experiment/failure.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"
#include "ipc/shm.h"
#include "wayland/agenda.h"
#include "wayland/client.h"
#include "wayland/composite.h"
#include "wayland/object.h"

struct request;
u32 next_serial(void);                         /* compositor.c */
u32 event_time(void);                          /* milliseconds */
/* wire.c */
u32 wire_read(const u8 *at);
bool wire_parse(struct client *client, const u8 *message, u32 bytes, const struct request *request,
                union argument *arguments);    /* false: an error is sent */
void event(struct client *client, u32 object, u32 kind, ...);
#endif
