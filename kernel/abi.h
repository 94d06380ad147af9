/* The binary interfaces: scenario image, trace ring, system calls, client configuration.
 *
 * Included by the kernel and the ring-3 clients. The host reads rayos_model/contract/abi.py, which
 * `python -m tests.support.abi_generator` generates from this file; comments become docstrings:
 * a comment above or behind a declaration documents it, one that stands alone in a body is a heading.
 * Everything is little-endian, naturally aligned, without implicit padding. Increment ABI_VERSION on any change.
 * Over 450 lines, because it is one interface with one version.
 */
#ifndef RAYOS_ABI_H
#define RAYOS_ABI_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int i32;
typedef signed long long i64;

#define ABI_VERSION 3 /* of this whole file */

/* ---- Scenario image: fw_cfg file "opt/rayos/scenario" --------------------------------------- */
#define IMAGE_MAGIC "RAYOSIMG" /* first bytes of a scenario image */
#define QUANTILES 1025 /* entries of a quantile table: entry i is the value at probability i / 1024 */

struct image_header { /* first struct of a scenario image */
    char magic[8];
    u32 version;     /* ABI_VERSION */
    u32 length;      /* whole image, bytes */
    u32 crc32;       /* IEEE CRC-32 of bytes [sizeof header, length) */
    u32 group_count;
    u32 table_count;
    u32 fault_count;
    u32 timeline_count;
    u32 reserved;
};

struct image_settings { /* follows the header */
    u64 seed;
    u64 duration_ns;
    u64 quantum_ns;
    u64 repaint_window_ns;
    u64 ping_interval_ns;
    u64 hang_timeout_ns;
    u64 respawn_ns;         /* delay from the loss of a client to its replacement; 0: not replaced */
    u64 scrub_interval_ns;  /* interval between checks of all red zones of the heap; 0: checked only by kfree */
    u64 lock_timeout_ns;    /* the owner of a contended mutex counts as hung after this hold time; 0: not watched */
    u64 warmup_ns;     /* latencies are recorded from this time on */
    u64 power_cut_ns;  /* power fails at this time, to test what is durable on the disk; 0: never */
    u32 kind;          /* enum scenario_kind */
    u32 vcpus;
    u32 memory_mb;
    u32 width;         /* pixels */
    u32 height;
    u32 refresh_millihertz;
    u32 trace_points;  /* 0: measurements only; 1: also points (kinds < 64); TRACE_WIRE: also the bytes on the wire */
    u32 compositor_priority;
    u32 socket_bytes;  /* capacity of each direction of a client's socket */
    u32 provoke;       /* enum provocation: a planted bug, to test the detectors; 0 in every ordinary run */
    u32 client_memory_kb;  /* limit of shared memory per client; 0: none */
    u32 client_surfaces;   /* limit of surfaces per client; 0: none */
    u32 client_pools;      /* limit of pools per client; 0: none */
    u32 detectors_off;     /* disabled detectors, bits 1 << enum detection, to prove that tests fail without them */
    u32 input_source;  /* enum input_source */
    u32 jitter_seed;   /* varies the length of each quantum, to explore interleavings; 0: exact quanta */
    u32 ipi_delay_seed; /* delays inter-processor interrupts, to explore interleavings; 0: no delay */
    u32 recorded;      /* 1: QEMU records or replays this run, and delivers host input when a timer fires */
    char name[64];     /* NUL-terminated */
};

#define LOAD_STEPS 16 /* most levels of a background load */

struct image_load { /* follows the settings: background load; all zero: none */
    u64 step_ns;          /* duration of each step; 0: constant full load */
    u64 latency_limit_ns; /* a second with a higher commit-to-present p99 lowers the load by one step; 0: no limit */
    u32 step_count;       /* used entries of steps_ppm; 0: constant full load */
    u32 cpu_threads;      /* computing ring-3 threads */
    u32 cpu_priority;
    u32 memory_ppm;       /* target memory utilisation, parts per million */
    u32 disk_iops;        /* requests per second */
    u32 disk_depth;       /* requests in flight */
    u32 steps_ppm[LOAD_STEPS]; /* levels in order of application: share of the full load, parts per million */
};

struct image_disk { /* follows the load: the disk and its buffer cache; all zero: none */
    u64 latency_ns;    /* fixed part of the service time of each request */
    u64 bytes_per_s;   /* bandwidth of each channel, after the latency */
    u32 mb;
    u32 channels;      /* requests served in parallel; further ones queue, first come, first served */
    u32 cache_pages;   /* capacity of the buffer cache, blocks */
    u32 reserved;
};

struct image_network { /* follows the disk: the remote display session (remote/session.c); all zero: none */
    u64 heartbeat_ns;  /* period of the server's updates */
    u64 timeout_ns;    /* time without an answer after which the session counts as lost */
    u64 latency_ns;    /* one-way latency of the network */
};

struct image_group { /* group_count of them follow the network */
    u64 period_ns;     /* 1 / rate; 0: the workload has no rate */
    u64 start_ns;      /* spawn time of the first client of the group */
    u64 stagger_ns;    /* delay between the spawns of successive clients */
    u64 lifetime_ns;   /* a client exits after this time and is spawned again; 0: runs to the end */
    u32 first_client;
    u32 count;
    u32 workload;      /* enum workload */
    u32 priority;
    u32 surface_width;
    u32 surface_height;
    u32 damage_ppm;    /* share of the surface's rows repainted per frame, parts per million */
    u32 think_table;   /* index of the quantile table of think times, ns */
    u32 gap_table;     /* index of the quantile table of gaps between actions, ns */
    u32 transfer_bytes; /* drag_drop: size of the dropped data, at most PIPE_BYTES; clipboard: of the largest copy */
    u64 reserved;
};

/* fault_count of them follow the groups: sources of injected failures (docs/explanation/faults.md). */
struct image_fault {
    u64 start_ns;      /* time of the only fault (period_ns 0), or start of the first period */
    u64 end_ns;        /* no fault at or after this time */
    u64 period_ns;     /* one fault per period, at a uniformly random instant; 0: a single fault at start_ns */
    u64 duration_ns;   /* of a network_partition or disk_outage */
    u32 count;         /* most faults from this source */
    u32 kind;          /* enum fault_kind */
    u32 variant;       /* of the kind; VARIANT_ANY: random */
    u32 first_client;  /* the target is drawn from this range of clients */
    u32 client_count;
    u32 reserved;
};
#define VARIANT_ANY 0xffffffffu /* image_fault.variant: drawn at random for each fault */

struct image_event { /* then timeline_count of these, in order of time; at most MAX_EVENTS */
    u64 at_ns;
    u32 action;        /* enum action */
    u32 value;         /* theme_change: decoration mode; resize: steps */
    u32 first_client;  /* the event applies to this range of clients */
    u32 count;
};
#define MAX_EVENTS 64 /* most events of a timeline */
/* then table_count tables of QUANTILES u64 each */

/* An end of the network. */
enum net_side { NET_SERVER = 0, NET_REMOTE };

/* The five families of scenarios. */
enum scenario_kind { KIND_SOAK = 1, KIND_STRESS, KIND_FAILURE, KIND_PERFORMANCE, KIND_INTEGRATION };

/* Source of input events: the seat itself, or the host through the emulated input devices. */
enum input_source { INPUT_SEAT = 0, INPUT_DEVICE };

/* The program that a process runs. */
enum workload {
    /* clients of a group */
    WORKLOAD_IDLE = 0, WORKLOAD_RENDERING, WORKLOAD_INPUT, WORKLOAD_SURFACE_CREATION, WORKLOAD_DRAG_DROP,
    WORKLOAD_MEDIA, WORKLOAD_CLIPBOARD, WORKLOAD_EDITOR, WORKLOAD_SURGE, WORKLOAD_RESIZE,
    /* background load, in no group */
    WORKLOAD_STRESS_DISK = 16, WORKLOAD_STRESS_MEMORY,
    WORKLOAD_COMPUTE = 32 };

/* Action of a timeline event. The compositor carries out those before ACTION_MAXIMIZE; clients request the others. */
enum action { ACTION_THEME_CHANGE = 1, ACTION_CLOSE, ACTION_RESTORE,
    ACTION_MAXIMIZE, ACTION_UNMAXIMIZE, ACTION_FULLSCREEN, ACTION_UNFULLSCREEN, ACTION_MINIMIZE,
    ACTION_RESIZE, ACTION_SURGE };

/* Planted bugs that prove the detectors; PROVOKE_NONE in every ordinary run. */
enum provocation {
    PROVOKE_NONE = 0, PROVOKE_PANIC, PROVOKE_HANG, PROVOKE_LEAK, PROVOKE_CLIENT_FAULT, PROVOKE_CLIENT_HANG,
    PROVOKE_BAD_REQUEST,
    PROVOKE_ORDER, PROVOKE_RACE, PROVOKE_LOST_WAKEUP, PROVOKE_HASTE, PROVOKE_EARLY_ACK };

/* Kind of an injected failure; the comments name its variants, numbered from 0. */
enum fault_kind {
    FAULT_CLIENT_CRASH = 1,     /* page fault, illegal instruction, kill */
    FAULT_MEMORY_CORRUPTION,    /* a client writes past its buffer; an object of the kernel heap is overrun */
    FAULT_BUFFER_EXHAUSTION,    /* a client allocates shared memory, surfaces, pools until refused */
    FAULT_EVENT_QUEUE_OVERFLOW, /* a client stops reading its events */
    FAULT_HANG,                 /* a client stops responding */
    FAULT_HOSTILE_CLIENT,       /* a client sends fuzzed requests */
    FAULT_DEADLOCK,             /* two clients lock two mutexes in opposite order */
    FAULT_NETWORK_PARTITION,    /* the link is down for a time: the server's, the remote display's */
    FAULT_DISK_ERROR,           /* the disk fails one read, one write, every write to one block */
    FAULT_DISK_OUTAGE,          /* the disk fails for a time: all reads, all writes */
};
#define FAULT_TARGET_HEAP MAX_CLIENTS /* in place of a client id: the fault strikes the kernel heap */
#define FAULT_TARGET_NETWORK (MAX_CLIENTS + 1) /* in place of a client id: the fault strikes the network */
#define FAULT_TARGET_DISK (MAX_CLIENTS + 2) /* in place of a client id: the fault strikes the disk */

/* Why a client process ended. */
enum end_reason {
    END_LEFT,     /* it exited by itself, as planned or as asked */
    END_FAULT,    /* a processor fault */
    END_KILLED,   /* killed: hung, deadlocked, event queue overflow, or still alive after the end */
    END_PROTOCOL, /* it exited when it was disconnected for a protocol error */
    END_REFUSED,  /* it gave up because a resource was refused: memory, handles, ids */
};

/* How a failure was detected. */
enum detection {
    DETECTED_CRASH = 1, DETECTED_KILL, DETECTED_RED_ZONE, DETECTED_LIMIT, DETECTED_OVERFLOW, DETECTED_HANG,
    DETECTED_PROTOCOL, DETECTED_DEADLOCK, DETECTED_LINK_DOWN, DETECTED_HEARTBEAT, DETECTED_IO_ERROR,
};

/* ---- Trace ring ------------------------------------------------------------------------------ */
#define TRACE_HEADER_PHYS 0x7000ull /* physical address of struct trace_header */
#define TRACE_MAGIC 0x45434152544f5952ull /* trace_header.magic: "RYOTRACE" */

struct trace_header { /* at TRACE_HEADER_PHYS; the host drains the ring at each rendezvous */
    u64 magic;
    u32 abi_version;
    u32 record_bytes;   /* sizeof(struct trace_record) */
    u64 ring_phys;      /* physical address of record 0 */
    u64 ring_records;   /* capacity, a power of two */
    u64 head;           /* records written so far; record i is at index i % ring_records */
    u64 drained;        /* head at the last completed rendezvous */
    u64 epoch_tsc;
    u64 framebuffer_phys; /* physical address of the displayed buffer, XRGB8888 */
    u32 framebuffer_width;
    u32 framebuffer_height;
    u32 state;          /* enum run_state */
    u32 lost;           /* records lost; a value other than 0 voids the run */
    u32 request;        /* enum host_request, carried out before the machine resumes from this rendezvous */
    u32 request_x;
    u32 request_y;
    u32 reserved;
};

/* Request of the guest to the host at a rendezvous. */
enum host_request {
    HOST_NOTHING = 0,
    HOST_MOTION,        /* move the tablet to (x, y), 0 to INPUT_RANGE over the screen */
    HOST_KEY,           /* press (y = 1) or release (0) the key with Linux key code x */
    HOST_LINK,          /* take the link of network side x down (y = 0) or up (1) */
    HOST_DISK,          /* replace the disk's refusals by x, enum disk_refusal; y: the block, where there is one */
};

/* Requests that the disk fails. A block once refused stays refused. */
enum disk_refusal { REFUSE_NOTHING = 0, REFUSE_READ, REFUSE_WRITE, REFUSE_BLOCK, REFUSE_READS, REFUSE_WRITES };
#define INPUT_RANGE 0x7fff /* largest coordinate of the tablet */

/* Progress of a run, as the host sees it. */
enum run_state { STATE_BOOT = 0, STATE_RUNNING, STATE_DONE, STATE_PANIC, STATE_POWER_CUT };

struct trace_record { /* one entry of the trace ring, 32 bytes */
    u64 time_ns;     /* since the start of the scenario */
    u64 arg;
    u32 subject;
    u32 cpu_ns;      /* points: CPU time of this thread since its previous point; measurements: 0 */
    u16 kind;        /* enum trace_kind */
    u16 thread;      /* enum thread_id, or THREAD_CLIENT0 + client id */
    u8 cpu;
    u8 irqs;         /* interrupts handled while this segment ran (saturating) */
    u8 dispatches;   /* dispatches of the thread within this segment (saturating) */
    u8 sleepers;     /* threads waiting for a deadline, at this record (saturating) */
};

/* Numbers of the kernel threads; client threads follow from THREAD_CLIENT0 on. */
enum thread_id {
    THREAD_IDLE = 0, THREAD_REPORTER, THREAD_COMPOSITOR, THREAD_LAUNCHER, THREAD_INJECTOR, THREAD_DISK, THREAD_NETWORK,
    THREAD_CLIENT0 = 16 };

/* Pixels per step of the drawing loops; a row of w pixels takes ROW_STEPS(w) steps. */
#define STEP_PIXELS 32
#define ROW_STEPS(w) (((w) + STEP_PIXELS - 1) / STEP_PIXELS)
#define PACK8(low, high) ((u32)(u8)(low) | (u32)(high) << 8)
#define PACK(low, high) ((u64)(u32)(low) | (u64)(u32)(high) << 32)
#define QUEUED(bytes, events, locked_ns) ((bytes) | (events) << 16 | (u64)(locked_ns) << 32)
/* groups: of windows examined */
#define PAINTED(steps, rows, groups) ((steps) | (u64)(rows) << 28 | (u64)(groups) << 50)

/* Kind of a trace record. A point (P_, below 64) ends a segment of its thread's control flow
 * (docs/explanation/mechanism.md): the order of points is the contract between kernel and model. A measurement (M_)
 * carries a result. PACK(low, high) fills both halves of arg. */
enum trace_kind {
    /* any thread */
    P_BLOCK = 1,      /* gives up the CPU to wait;  subject ns for which it has held the kernel lock */
    P_EXIT = 2,
    /* client threads */
    P_ENTER = 3,      /* entered send();           subject tag, arg PACK(steps, rows) drawn since the last call */
    P_SEND = 4,       /* batch is in the socket;   subject tag, arg bytes */
    P_RECEIVE = 5,    /* recv() copied data out;   subject queue-writes consumed, arg bytes */
    P_WAKE = 6,       /* recv() passed its deadline with no data */
    P_SHM = 7,        /* shm_create() done;        arg pages */
    P_SHM_FREE = 8,   /* shm_destroy() done;       arg pages */
    P_PIPE = 9,       /* pipe() done */
    P_PIPE_IO = 10,   /* pipe read/write/close done; subject 0 read, 1 write, 2 close; arg bytes */
    P_FIRST = 11,     /* first entry to ring 3 */
    P_LOCK = 12,      /* acquired a mutex;         subject mutex */
    P_UNLOCK = 13,    /* released a mutex;         subject mutex */
    P_CALL = 14,      /* entered put() */
    /* compositor */
    P_TAKE = 16,      /* took one batch from a client; subject client, arg bytes */
    P_REQUEST = 17,   /* handled one request; subject client, arg PACK(REQUEST_ID(interface, opcode), bytes) */
    P_EVENTS = 18,    /* one queue-write;       subject client, arg QUEUED(bytes, events, ns of kernel lock so far) */
    P_COMPOSITE = 19, /* one composite pass;   subject blits | rectangles << 16, arg PAINTED(steps, rows, groups) */
    P_FLIP = 20,      /* one page flip;        subject surfaces newly shown, arg pages of shared memory freed */
    P_VBLANK = 21,    /* vblank handled without a flip */
    P_INPUT = 22,     /* seat produced an input event; subject client, arg events written */
    P_PING = 23,      /* ping round;           subject clients pinged */
    P_DISCONNECT = 24,/* a client's objects destroyed; subject client */
    P_DRAG = 25,      /* one step of a drag;   subject client, arg step */
    P_REPAINT = 26,   /* repaint time reached: a composite pass begins, or there is no damage */
    P_DEVICE = 27,    /* an input device delivered a report; subject client */
    /* launcher and reporter */
    P_SPAWN = 32,     /* process created;  subject 0: a client, 1: background load; arg its id */
    P_REAP = 33,      /* process freed;    subject client, arg pages */
    P_SNAPSHOT = 34,  /* snapshot of a second printed */
    P_PROFILE = 35,   /* memory profile of a second printed; kind performance */
    /* launcher and injector */
    P_RECOVER = 36,   /* launcher: replacement of a lost client scheduled; subject client */
    P_INJECT = 37,    /* injector: a fault struck;          subject client, arg kind << 4 | variant */
    P_REPORT = 38,    /* injector: one line printed;        subject enum report */
    P_SCRUB = 39,     /* injector: red zones checked;       arg objects */
    /* store (any process) and disk thread */
    P_PUT = 40,       /* record stored in the cache;     arg bytes */
    P_GET = 41,       /* record found in the cache and copied out;  arg bytes */
    P_DELETE = 42,
    P_DURABLE = 43,   /* flush acknowledged */
    P_MEMORY = 44,    /* subject 0 mapped, 1 unmapped, 2 refused; arg pages (2: mapped before, and returned) */
    P_DISK_SUBMIT = 45, /* one request submitted;       subject operation */
    P_DISK_DONE = 46, /* one request completed;     subject operation, arg blocks released by a flush */
    P_DISK_NOTIFY = 47, /* the device was notified */
    /* network thread; subject enum net_side */
    P_NET_SEND = 48,  /* one frame passed to the device;       arg bytes */
    P_NET_RECEIVE = 49, /* one delivery handled;              arg bytes, 0: nothing arrived */
    /* compositor, continued */
    P_ACTION = 50,    /* carried out an event of the timeline; subject enum action, arg clients affected */
    P_RESIZE = 51,    /* one step of an interactive resize;    subject client, arg step */
    P_MARKER = 52,    /* printed a milestone;                  arg letters of the event's name */
    P_LINK = 53,      /* network: link change or timeout detected; injector: link restored */
    P_MEND = 54,      /* injector: end of a disk outage */

    /* measurements: subject client, arg ns, unless stated otherwise */
    M_COMMIT_TO_PRESENT = 64,
    M_BUFFER_COMMIT,      /* 65 */
    M_EVENT_DELIVERY,     /* 66 one per queue-write */
    M_CLIENT_CREATION,    /* 67 */
    M_INPUT_ROUND_TRIP,   /* 68 */
    M_COMPOSITION,        /* 69 */
    M_FLIP,               /* 70 arg vblank index */
    M_DROPPED,            /* 71 arg vblank index */
    M_IDLE,               /* 72 arg idle ns of the second, all vCPUs; at each snapshot */
    M_PAGES,              /* 73 arg pages in use, subject page allocations so far; at each snapshot */
    M_HEAP,               /* 74 arg heap bytes in use, subject objects allocated so far; at each snapshot */
    M_PAGES_PEAK,         /* 75 arg peak of pages in use; once, at the end */
    M_TIMER,              /* 76 arg ns from a timer deadline on an idle CPU to the scheduler; the switch follows.
                             Subject ns from the block that left it idle to the release of the kernel lock */
    M_CLIENT_CREATED,     /* 77 arg generation */
    M_CLIENT_DESTROYED,   /* 78 arg enum end_reason */
    M_PROTOCOL_ERROR,     /* 79 arg code */
    M_HANG,               /* 80 arg ns since the unanswered ping */
    M_CRASH,              /* 81 arg fault vector */
    M_LEAK,               /* 82 subject heap bytes, arg pages, not returned; once, at the end (0 when clean) */
    M_BASELINE,           /* 83 arg pages in use before the first client; subject heap bytes; once, at start */
    M_FREE_BLOCK,         /* 84 arg pages of the largest free block, subject free pages; at each snapshot */
    /* faults: subject FAULT_SUBJECT; a failure that was not injected has kind 0 */
    M_FAULT_INJECTED,     /* 85 arg variant */
    M_FAULT_DETECTED,     /* 86 arg ns since injection */
    M_FAULT_RECOVERED,    /* 87 arg ns since injection, or since the end of a fault with a duration; only in time */

    /* at each snapshot, of its second: subject PACK8(lock id, count), arg PACK(total, longest) ns, saturating */
    M_LOCK_HOLD = 96,     /* acquisitions of a lock, and its hold times */
    M_LOCK_WAIT,          /* 97 contended acquisitions, and their wait times; no record where there were none */
    M_READY_WAIT,         /* 98 subject dispatches of threads, arg PACK of times from ready to running */

    /* disk, store, memory stress */
    M_DISK_REQUEST = 100, /* a request completed; subject block << 2 | operation (0 read, 1 write, 2 flush), arg ns */
    M_DISK_RETRY,         /* 101 a failed request is retried; subject block, arg operation */
    M_DISK_ERROR,         /* 102 a request failed permanently; subject block, arg operation */
    M_CORRUPT,            /* 103 a block differs from what was written; subject block */
    M_CACHE,              /* 104 subject hits, arg misses of the second; at each snapshot */
    M_CACHE_PAGES,        /* 105 subject dirty blocks, arg pages of the buffer cache; at each snapshot */
    M_RECLAIM,            /* 106 arg pages reclaimed from the buffer cache under memory pressure */
    M_REFUSED,            /* 107 a process was refused memory; subject client, arg pages it holds */
    M_DURABLE,            /* 108 a flush was acknowledged; subject client, arg its tag */
    M_VERIFIED,           /* 109 written by the host after the run: subject corrupt blocks, arg intact blocks */

    M_MARKER,             /* 110 a RAYOS_INTEGRATION line was printed; subject number of lines before it */
    M_PRESENTATION_JITTER,/* 111 media: deviation of the interval between two presentations from the period */
    M_CONFIGURE,          /* 112 from sending configure to the flip that shows the configured surface */
    M_REMOTE_UPDATE,      /* 113 the remote display shows an update; subject its number, arg ns since it was sent */
    M_STORE_ERROR,        /* 114 a store call failed with E_IO; arg the call */
    /* bytes on the wire, only with trace_points TRACE_WIRE: subject client, arg the size, then 8 bytes per record */
    W_REQUESTS = 120,
    W_EVENTS = 121,
};
#define TRACE_WIRE 2 /* image_settings.trace_points: also keep the bytes on the wire */

#define FAULT_SUBJECT(target, kind) ((u32)(target) | (u32)(kind) << 16)

/* A line that the injector prints. */
enum report { REPORT_INJECT = 0, REPORT_DETECTED, REPORT_RECOVERY_START, REPORT_RECOVERY_COMPLETE };

/* Wayland interfaces, for REQUEST_ID; opcodes are those of the published XML. */
enum wayland_interface {
    WL_DISPLAY = 1, WL_REGISTRY, WL_CALLBACK, WL_COMPOSITOR, WL_SHM_POOL, WL_SHM, WL_BUFFER, WL_DATA_OFFER,
    WL_DATA_SOURCE, WL_DATA_DEVICE, WL_DATA_DEVICE_MANAGER, WL_SURFACE, WL_SEAT, WL_POINTER, WL_KEYBOARD,
    WL_OUTPUT, WL_REGION, XDG_WM_BASE, XDG_POSITIONER, XDG_SURFACE, XDG_TOPLEVEL,
    ZXDG_DECORATION_MANAGER_V1, ZXDG_TOPLEVEL_DECORATION_V1,
};
#define REQUEST_ID(interface, opcode) ((u32)(interface) << 8 | (opcode))

/* Purpose of a batch of requests: the tag a client passes to send(). */
enum batch_tag {
    TAG_REGISTRY = 1, TAG_BIND, TAG_ACK, TAG_FIRST, TAG_FRAME, TAG_PONG, TAG_NEW_SURFACE, TAG_DESTROY,
    TAG_DRAG, TAG_ACCEPT, TAG_RECEIVE, TAG_FINISH, TAG_DRAG_DONE, TAG_LEAVE,
    TAG_EXHAUST, TAG_HOSTILE, TAG_POISON,
    TAG_DECORATE, TAG_SHELL, TAG_RESIZE, TAG_RECONFIGURE, TAG_RETHEME, TAG_COPY, TAG_COPY_DONE,
    TAG_PASTE, TAG_PASTE_DONE,
};

/* ---- System calls ----------------------------------------------------------------------------- */
/* Number in rax; arguments in rdi, rsi, rdx, r10, r8; result in rax, negative: -error. */
enum syscall {
    SYS_EXIT = 0,        /* (status) */
    SYS_SEND = 1,        /* (buf, bytes <= BATCH_BYTES, handle or -1, tag, PACK(steps, rows)); blocks while full */
    SYS_RECEIVE = 2,     /* (buf, capacity, deadline_ns, i32 *handle: received or -1) -> bytes; 0: deadline passed */
    SYS_SHM_CREATE = 3,  /* (bytes, u64 *address) -> handle, mapped read-write */
    SYS_SHM_DESTROY = 4, /* (handle) unmaps and drops the client's reference */
    SYS_PIPE = 5,        /* (i32 handles[2]) read end, write end */
    SYS_PIPE_READ = 6,   /* (handle, buf, bytes) -> bytes; blocks; 0 when every write end is closed */
    SYS_PIPE_WRITE = 7,  /* (handle, buf, bytes) -> bytes; blocks while the pipe is full */
    SYS_CLOSE = 8,       /* (handle) */
    SYS_YIELD = 9,
    SYS_MUTEX_LOCK = 10, /* (mutex) blocks while owned by another process; kills a caller that would deadlock */
    SYS_MUTEX_UNLOCK = 11, /* (mutex) */
    SYS_SLEEP = 16,      /* (deadline_ns) */
    SYS_PUT = 17,        /* (name, buf, bytes <= RECORD_BYTES) stores in the cache; blocks while it is full */
    SYS_GET = 18,        /* (name, buf, capacity) -> bytes */
    SYS_DELETE = 19,     /* (name) */
    SYS_FLUSH = 20,      /* (tag) blocks until all earlier puts and deletes are durable */
    SYS_MEMORY = 21,     /* (pages) maps more pages at the end of CLIENT_MEMORY, unmaps if negative -> pages held */
};

/* Error codes of system calls. */
enum error {
    E_NOT_FOUND = 2, E_IO = 5, E_BAD_HANDLE = 9, E_FULL = 11, E_NO_MEMORY = 12, E_BAD_ADDRESS = 14, E_INVALID = 22,
    E_NO_SPACE = 28, E_CLOSED = 32, E_NO_CALL = 38 };

#define NAME_BYTES 24 /* size of a record's name, NUL included */
#define RECORD_BYTES 4032 /* largest record of the store */
#define STRESS_SLOTS 256       /* records of a disk stressor, written in turn */
#define STRESS_FLUSH_EVERY 64 /* puts of a disk stressor between flushes */
#define STORE_RECORD_BYTES 48 /* memory of the store's index entry, per block of the disk */
#define PLACE_BYTES 20 /* memory of the store's allocation entry, per block of the disk */
#define BUFFER_BYTES 40 /* memory of a buffer head, per block of the cache's capacity */
#define BATCH_BYTES 4096 /* largest batch of requests */
#define PIPE_BYTES 4096 /* capacity of a pipe */
#define BLOCK_BYTES 4096 /* size of a disk block */
#define MAX_HANDLES 32 /* open handles per process */
#define MAX_CLIENTS 1024 /* clients of a scenario */
#define MAX_MUTEXES 64 /* mutexes shared by all processes */

/* ---- A client's configuration: read-only page in its address space ---------------------------- */
#define COMPUTE_TURN_NS 50000 /* CPU time after which a compute process pauses */
#define CLIENT_TEXT 0x400000ull /* address of a client's program */
#define CLIENT_CONFIG 0x420000ull /* address of its struct client_config, read-only */
#define CLIENT_EVENTS 0x420100ull /* address of its timeline events, in the same page */
#define CLIENT_TABLES 0x421000ull /* address of its think table, followed by its gap table; read-only */
#define CLIENT_SHM 0x600000ull /* address of its first shared memory */
#define CLIENT_MEMORY 0x40000000ull /* address of what SYS_MEMORY maps; shared memory stays below */
#define CLIENT_STACK_TOP 0x440000ull /* address above its stack */

struct client_config { /* configuration of a client, at CLIENT_CONFIG */
    u64 seed;
    u64 end_ns;       /* time to exit */
    u64 period_ns;
    u64 refresh_ns;   /* display refresh period */
    u64 epoch_tsc;    /* clock: ns = (rdtsc - epoch_tsc) * tsc_mult >> 32 */
    u64 tsc_mult;
    u32 id;
    u32 generation;
    u32 workload;
    u32 surface_width;
    u32 surface_height;
    u32 damage_ppm;
    u32 transfer_bytes;
    u32 peer;         /* drag_drop: client that receives the drop */
    u32 provoke;      /* enum provocation, for this client */
    u32 fault;        /* injected fault: kind << 4 | variant, in a deadlock the pair's first client << 16; 0: none */
    u32 level_ppm;    /* stressors: current share of their full load; the kernel changes it */
    u32 event_count;  /* entries at CLIENT_EVENTS: timeline events that this client carries out */
    u64 target_pages; /* stress_memory: pages to hold at full load */
    u32 decorated;    /* 1: the timeline changes its theme */
    u32 place;        /* index in its group */
    u32 stored;       /* 1: there is a store */
    u32 reserved;
};
#endif
