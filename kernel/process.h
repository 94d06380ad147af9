/* Client processes and what they hold: process.c, syscall.c, socket.c, shm.c, pipe.c, supervisor.c. */
#ifndef RAYOS_PROCESS_H
#define RAYOS_PROCESS_H
#include "kernel.h"
#include "memory.h"
#include "sched.h"

struct process {
    struct thread thread;
    struct space space;
    struct socket *socket;
    struct process *next_dead;
    u32 client, generation;
    u32 reason;                     /* of M_CLIENT_DESTROYED, once dead */
    bool dead;
    struct client_config *config;   /* as the client reads it */
    bool serving;                   /* its first frame has been on screen */
    struct mutex *wants;            /* the one it waits for; mutex.c */
    struct process *next_waiter;    /* for the same */
    struct process *next_waiting;   /* for the disk: disk.c */
    u64 memory_pages;               /* mapped from CLIENT_MEMORY on */
    const void *waits_for;          /* what its blocked thread waits for; only a wake for that reaches it */
    struct handle handles[MAX_HANDLES];
    u64 shm_address[MAX_HANDLES];   /* where a HANDLE_SHM is mapped; 0: not mapped */
};

/* process.c */
void process_init(void);                        /* shared pages of the client program and tables */
struct process *process_spawn(u32 client, u32 generation, u64 end_ns); /* NULL: out of memory */
[[noreturn]] void process_exit(u32 reason);     /* the current process */
[[noreturn]] void process_fault(u32 vector, u64 rip, u64 address);
bool process_wait(struct process *p, const void *what, u64 deadline_ns); /* false: the deadline passed */
void process_wake(struct process *p, const void *what); /* p may be NULL */
void process_set_level(u32 client, u32 level_ppm); /* what a stressor reads; nothing if there is none */
struct process *process_next_dead(void);        /* in order of death; NULL: none */
void process_free(struct process *p);           /* everything it held */
bool process_can_be_struck(u32 client);         /* alive, connected, and not running on another processor */
bool process_can_go_on(u32 client);             /* ... it serves, and waits for events: it may go on after the strike */
void process_serves(u32 client);                /* its first frame is on screen */
void process_strike(u32 client, u32 what);      /* makes it go on with what has struck it (config->fault); not the current one */

int handle_install(struct process *p, struct handle handle); /* index or -E_FULL; takes the reference */
struct handle *handle_find(struct process *p, u64 index, int type); /* type 0: any; NULL: no such */
struct handle handle_duplicate(const struct handle *handle);

/* shm.c */
struct shm *shm_create(u64 bytes, u32 client);  /* one reference; NULL: out of memory, or the client has its share */
u64 shm_page(struct shm *shm, u64 index);       /* physical */

/* mutex.c */
i64 mutex_lock(struct process *p, u64 id);      /* may not return */
i64 mutex_unlock(struct process *p, u64 id);
void mutex_abandon(struct process *p);          /* it no longer waits */
void mutex_release_all(struct process *p);      /* it is dead */

/* pipe.c */
struct pipe;
struct pipe *pipe_create(void);                 /* one reader, one writer */
void pipe_reference(struct pipe *pipe, bool write_end);
void pipe_release(struct pipe *pipe, bool write_end);
void pipe_forget(struct pipe *pipe, const struct process *p); /* p no longer waits */
i64 pipe_read(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes);
i64 pipe_write(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes);

/* disk.c: the store's system calls; they block */
#define PRIORITY_DISK 18
void disk_init(void);                           /* recovery; nothing where the scenario has no disk */
bool disk_close(void);
void disk_snapshot(void);                       /* traces what the cache did in the second just ended */
void store_forget(struct process *p);           /* it no longer waits */
i64 sys_put(struct process *p, u64 name, u64 buffer, u64 bytes);
i64 sys_get(struct process *p, u64 name, u64 buffer, u64 capacity);
i64 sys_delete(struct process *p, u64 name);
i64 sys_flush(struct process *p, u64 tag);

/* remote.c: the remote display session */
void remote_init(void);                         /* nothing where the scenario has no network */
void remote_start(void);                        /* the clock starts */
void remote_link_changed(void);                 /* perhaps; under LOCK_KERNEL */

/* socket.c, the client's side; both block and may not return (the process is killed while it waits) */
struct socket *socket_create(u32 client, u32 capacity);
void socket_connect(struct socket *socket, struct process *p, u64 now_ns);
i64 socket_send(struct process *p, u64 buffer, u64 bytes, i64 handle, u64 sent_ns);
i64 socket_receive(struct process *p, u64 buffer, u64 capacity, u64 deadline_ns, u64 handle_address);
void socket_client_gone(struct socket *socket); /* the process's reference; READY_CLOSED follows what it sent */
bool socket_is_connected(const struct socket *socket);
bool socket_is_receiving(const struct process *p); /* it waits for events */
bool socket_disconnected(const struct socket *socket);
u32 socket_live(void);                          /* sockets the compositor has not released */
void socket_start(void);                        /* the scenario starts: lets the compositor past its first wait */
bool socket_compositor_ready(void);             /* the compositor has reached its first wait */

/* load.c: background load, by processes without a socket. All but load_set and load_level: the launcher's. */
bool load_start(void);                          /* the stressors of disk and memory; false: out of memory */
void load_kill(void);                           /* those of them that are still there */
const char *load_name(u32 id);
void load_configure(struct client_config *config); /* of a process of the load, of which the id is set */
void load_set(u32 level_ppm);                   /* share of the whole load that is to run from now on */
u32 load_level(void);
bool load_adjust(bool over);                    /* starts and ends computing processes; false: out of memory */
bool load_reap(struct process *p);              /* frees a dead one; false: it is a client */
u32 load_processes(void);                       /* not freed yet */

/* stress.c: the RAYOS_STRESS lines and the levels of the load; nothing in scenarios of another kind but the whole load */
void stress_start(void);
void stress_second(u64 now, struct second ended, u64 busy_percent); /* the reporter's, at each second */
struct histogram *stress_latency(void);         /* where the second's latencies belong; NULL: nowhere */
void stress_report(bool passed);

/* supervisor.c */
[[noreturn]] void launcher_main(void *unused);
[[noreturn]] void reporter_main(void *unused);
void launcher_wake(void);
extern struct thread compositor_thread, launcher_thread, reporter_thread;

/* failure.c */
void failure_init(void);                        /* the injector's thread, in a scenario of kind failure */
void failure_start(void);                       /* the clock starts */
void failure_injected(u32 target, u32 kind, u32 variant, u64 lasts_ns); /* recovery counts from the end of what lasts */
void failure_recovered(u32 target);
bool failure_open(u32 target);                  /* struck and not recovered */
bool failure_noticed(u32 target);               /* ... but detected */
void failure_recovering(u32 target);            /* a client's replacement is planned; the network's session is lost; a request is tried again */
bool failure_finish(bool failed);               /* prints the verdict; whether all is well */
/* faults.c */
u64 faults_next(void);                          /* when the next one strikes, NEVER: none does */
void faults_strike(void);                       /* the one that is due */
void faults_start(void);

/* fwcfg.c */
bool fwcfg_find(const char *name, u16 *key, u32 *bytes);
void fwcfg_read(u16 key, u64 physical, u32 bytes);
void fwcfg_write(u16 key, u64 physical, u32 bytes);

/* display.c, scenario.c */
void display_init(void);
bool scenario_validate(const void *image, size_t bytes, const char **why);
void scenario_use(const void *image);           /* a validated one */
u32 fault_variants(u32 kind);                   /* how many there are */
#endif
