/* Faults: injection (faults.c), and the record of each until it is recovered (failure.c). */
#ifndef RAYOS_FAILURE_H
#define RAYOS_FAILURE_H
#include "core/kernel.h"

/* ---- failure.c ---- */
void failure_init(void);                        /* creates the injector's thread in a scenario of kind failure */
void failure_start(void);                       /* the clock starts */
void failure_injected(u32 target, u32 kind, u32 variant, u64 lasts_ns); /* recovery is timed from the fault's end */
void failure_detected(u32 target, enum detection how); /* the first detection of each fault counts */
void failure_recovering(u32 target);            /* respawn planned, session lost, or I/O retried */
void failure_recovered(u32 target);
void failure_shown(u32 client);                 /* the client's first frame is on screen */
bool failure_open(u32 target);                  /* injected and not recovered */
bool failure_is_detected(u32 target);               /* open and detected */
bool failure_finish(bool failed);               /* prints the verdict; true: pass */

/* ---- faults.c, called by the injector's thread ---- */
void faults_start(void);
u64 faults_next(void);                          /* time of the next fault or of the end of one; NEVER: none */
void faults_strike(void);                       /* carries out what is due */
void disk_refused(void);                        /* the disk has refused a request; called by block.c */
#endif
