/* Client processes. LOCK_KERNEL protects the table of processes and every process in it. */
#ifndef RAYOS_PROCESS_H
#define RAYOS_PROCESS_H
#include "arch/vm.h"
#include "core/handle.h"
#include "core/sched.h"

struct process {
    struct thread thread;
    struct space space;
    struct socket *socket;          /* NULL: background load, or dead */
    struct list queued;             /* in one queue at a time: a mutex's waiters, the disk's waiters, the dead */
    u32 client, generation;
    enum end_reason reason;         /* once dead */
    bool dead;
    struct client_config *config;   /* as the client reads it */
    bool serving;                   /* its first frame has been on screen */
    struct mutex *wants;            /* the mutex it waits for, or NULL */
    u64 memory_pages;               /* mapped from CLIENT_MEMORY on */
    const void *waits_for;          /* what its blocked thread waits for; only a wake for that reaches it */
    struct handle handles[MAX_HANDLES];
    u64 shm_address[MAX_HANDLES];   /* where a HANDLE_SHM is mapped; 0: not mapped */
};

void process_init(void);                        /* shared pages of the client program and of the tables */
struct process *process_spawn(u32 client, u32 generation, u64 end_ns); /* NULL: out of memory */
[[noreturn]] void process_exit(enum end_reason reason);    /* the current process */
[[noreturn]] void process_fault(u32 vector, u64 rip, u64 address);
bool process_wait(struct process *p, const void *what, u64 deadline_ns); /* false: the deadline passed */
void process_wake(struct process *p, const void *what); /* p may be NULL */
void process_set_level(u32 client, u32 level_ppm); /* sets what a stressor reads; no effect if there is none */
struct process *process_next_dead(void);        /* in order of death; NULL: none */
void process_free(struct process *p);           /* with everything it holds */

/* ---- Fault injection ---- */
bool process_can_be_struck(u32 client);         /* alive, connected, and not running on another CPU */
bool process_can_continue(u32 client);          /* ... serving, waiting for events: can continue after the fault */
void process_serves(u32 client);                /* its first frame is on screen */
void process_strike(u32 client, u32 what);      /* continues with the fault (config->fault); not the current process */
#endif
