/* Background load: processes without a socket, in proportion to a level. */
#ifndef RAYOS_LOAD_H
#define RAYOS_LOAD_H
#include "core/kernel.h"

struct process;
void load_set(u32 level_ppm);                   /* share of the whole load from now on */
u32 load_level(void);
/* ---- Called by the launcher's thread ---- */
bool load_start(void);                          /* starts the disk and memory stressors; false: out of memory */
void load_kill(void);                           /* kills the stressors that are left */
const char *load_name(u32 id);
void load_configure(struct client_config *config); /* of a load process; config->id is set */
bool load_adjust(bool over);                    /* starts and ends computing processes; false: out of memory */
bool load_reap(struct process *p);              /* frees a dead load process; false: it is a client */
u32 load_processes(void);                       /* not freed yet */
#endif
