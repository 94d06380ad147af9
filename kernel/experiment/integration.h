/* Integration checks: counters of all subsystems, compared with each other at the end; progress of the timeline. */
#ifndef RAYOS_INTEGRATION_H
#define RAYOS_INTEGRATION_H
#include "core/kernel.h"

struct counters {
    u64 windows_mapped, windows_unmapped;
    u64 buffers_busy, buffers_free;            /* buffers that became content of a surface; that ceased to be */
    u64 input_produced, input_delivered, input_coalesced;
    u64 callbacks_made, callbacks_ended;
    u64 configures_sent, configures_settled;   /* settled: acknowledged, superseded, or the window was destroyed */
    u64 pipe_in, pipe_out, pipe_dropped;       /* bytes written, read, and never read */
    u64 frames_painted, frames_shown;
    u64 shm_pages_freed;
    u64 themes_sent, themes_followed;          /* decorations sent a theme change; those sent the right theme */
    u64 clients_connected, clients_closed;
};
extern struct counters counters;

typedef u64 event_set;                         /* of the timeline: bit i is event i */

void integration_start(void);
void integration_window_shown(u32 client);     /* its main window is on screen */
void integration_begin(u32 index);             /* an event is due */
void integration_expect(u32 index, u32 client);/* ... and concerns this client */
void integration_begun(u32 index);             /* ... and no further one */
bool integration_awaits(u32 client, enum action action); /* whether it has not reacted to such an event yet */
event_set integration_take(u32 client, enum action action); /* events of that kind that it has not reacted to yet */
void integration_done(u32 client, event_set events);        /* the effect of the events is on screen */
void integration_closed(u32 client);           /* connection closed: the effect of a close event */
void integration_print(void);                  /* prints the milestones reached since the last call */
/* At the end. all_left: every client exited normally; pages, heap: not returned. false: a check failed. */
bool integration_finish(bool all_left, i64 pages, i64 heap);
#endif
