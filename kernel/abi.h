/* The interface between kernel, ring-3 clients and host: scenario image, trace ring, system calls, client
 * configuration.
 *
 * The host has a mirror of it in Python, which a test compares. Everything is little-endian and naturally aligned.
 * Increment ABI_VERSION on any change. */
#ifndef RAYOS_ABI_H
#define RAYOS_ABI_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int i32;
typedef signed long long i64;

#define ABI_VERSION 3

/* ---- Scenario image: fw_cfg file "opt/rayos/scenario" --------------------------------------- */
#define IMAGE_MAGIC "RAYOSIMG"
#define QUANTILES 1025 /* entries of a quantile table: value at probability i/1024 */

struct image_header {
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
    u64 respawn_ns;         /* delay before a lost client is respawned; 0: never */
    u64 scrub_interval_ns;  /* interval between checks of all red zones of the heap; 0: only at kfree */
    u64 lock_timeout_ns;    /* a mutex's owner counts as hung after another process has waited this long; 0: never */
    u64 warmup_ns;     /* latencies count from here on */
    u64 power_cut_ns;  /* the machine stops for good, for tests of the disk's content; 0: no power cut */
    u32 kind;          /* enum scenario_kind */
    u32 vcpus;
    u32 memory_mb;
    u32 width;         /* pixels */
    u32 height;
    u32 refresh_millihertz;
    u32 trace_points;  /* 0: keep measurements only; 1: also points (kinds < 64); TRACE_WIRE: also bytes on the wire */
    u32 compositor_priority;
    u32 socket_bytes;  /* capacity of each direction of a client's socket */
    u32 provoke;       /* enum provocation: 0 in ordinary runs; tests use it to prove the detectors */
    u32 client_memory_kb;  /* maximum shared memory per client; 0: no limit */
    u32 client_surfaces;   /* maximum surfaces per client; 0: no limit */
    u32 client_pools;      /* maximum pools per client; 0: no limit */
    u32 detectors_off;     /* bits 1 << enum detection: 0 in ordinary runs; tests use it to prove that they can fail */
    u32 input_source;  /* enum input_source */
    u32 jitter_seed;   /* randomises each quantum, to try other interleavings; 0: quanta are exact */
    u32 ipi_delay_seed; /* delays IPIs, to try other interleavings; 0: no delays */
    u32 recorded;      /* 1: QEMU records or replays this run, and delivers the host's input only when a timer fires */
    char name[64];     /* NUL-terminated */
};

#define LOAD_STEPS 16

struct image_load { /* follows the settings: background load; all zero: none */
    u64 step_ns;          /* duration of each step; 0: the whole load, all the time */
    u64 latency_limit_ns; /* a second with a higher commit-to-present p99 takes the load one step down; 0: no limit */
    u32 step_count;       /* of steps_ppm, at most LOAD_STEPS; 0: the whole load, all the time */
    u32 cpu_threads;      /* computing ring-3 threads */
    u32 cpu_priority;
    u32 memory_ppm;       /* target memory utilisation, parts per million */
    u32 disk_iops;        /* requests per second */
    u32 disk_depth;       /* requests in flight */
    u32 steps_ppm[LOAD_STEPS]; /* levels in order of application: share of the whole load */
};

struct image_disk { /* follows the load: the disk and its cache; all zero: none */
    u64 latency_ns;    /* per request */
    u64 bytes_per_s;   /* per channel, after the latency */
    u32 mb;
    u32 channels;      /* requests served in parallel; others queue, first come, first served */
    u32 cache_pages;   /* capacity of the buffer cache, blocks */
    u32 reserved;
};

struct image_network { /* follows the disk: the remote display session (remote/session.c); all zero: none */
    u64 heartbeat_ns;  /* interval between the server's updates */
    u64 timeout_ns;    /* without an answer for this long the session counts as lost */
    u64 latency_ns;    /* of the network, each way */
};

struct image_group { /* group_count of them follow the network */
    u64 period_ns;     /* 1/rate; 0: the workload has no rate */
    u64 start_ns;      /* start of the group's first client ... */
    u64 stagger_ns;    /* ... and delay of each next one */
    u64 lifetime_ns;   /* a client leaves after this time and is spawned again; 0: stays to the end */
    u32 first_client;
    u32 count;
    u32 workload;      /* enum workload */
    u32 priority;
    u32 surface_width;
    u32 surface_height;
    u32 damage_ppm;    /* repainted share of the surface's rows, parts per million */
    u32 think_table;   /* index of the table of think times, ns */
    u32 gap_table;     /* index of the table of gaps between actions (input, surface_creation, drag_drop), ns */
    u32 transfer_bytes;/* drag_drop: size of the dropped data, at most PIPE_BYTES; clipboard: of the largest copy */
    u64 reserved;
};

/* fault_count of them follow the groups: sources of faults (docs/mechanism.md, "Faults"). */
struct image_fault {
    u64 start_ns;      /* time of the first fault (period_ns 0), or start of the first period */
    u64 end_ns;        /* no fault at or after this time */
    u64 period_ns;     /* one fault per period, at a random instant; 0: a single one, at start_ns */
    u64 duration_ns;   /* of a network_partition or disk_outage */
    u32 count;         /* maximum number of faults */
    u32 kind;          /* enum fault_kind */
    u32 variant;       /* of the kind; VARIANT_ANY: drawn */
    u32 first_client;  /* the target is drawn from these */
    u32 client_count;
    u32 reserved;
};
#define VARIANT_ANY 0xffffffffu
struct image_event { /* timeline_count of them follow the faults, in order of time; at most MAX_EVENTS */
    u64 at_ns;
    u32 action;        /* enum action */
    u32 value;         /* theme_change: decoration mode; resize: steps */
    u32 first_client;  /* the clients concerned */
    u32 count;
};
#define MAX_EVENTS 64
/* table_count tables of QUANTILES u64 each follow the events. */

enum net_side { NET_SERVER = 0, NET_REMOTE };
enum scenario_kind { KIND_SOAK = 1, KIND_STRESS, KIND_FAILURE, KIND_PERFORMANCE, KIND_INTEGRATION };
/* Input events are generated by the seat, or by the host through the input devices. */
enum input_source { INPUT_SEAT = 0, INPUT_DEVICE };
enum workload { WORKLOAD_IDLE = 0, WORKLOAD_RENDERING, WORKLOAD_INPUT, WORKLOAD_SURFACE_CREATION, WORKLOAD_DRAG_DROP,
    WORKLOAD_MEDIA, WORKLOAD_CLIPBOARD, WORKLOAD_EDITOR, WORKLOAD_SURGE, WORKLOAD_RESIZE,
    WORKLOAD_STRESS_DISK = 16, WORKLOAD_STRESS_MEMORY, /* from here on: background load, in no group */
    WORKLOAD_COMPUTE = 32 };
/* Before ACTION_MAXIMIZE: actions of the compositor; from there on: requests of the clients. */
enum action { ACTION_THEME_CHANGE = 1, ACTION_CLOSE, ACTION_RESTORE,
    ACTION_MAXIMIZE, ACTION_UNMAXIMIZE, ACTION_FULLSCREEN, ACTION_UNFULLSCREEN, ACTION_MINIMIZE, ACTION_RESIZE,
    ACTION_SURGE };
enum provocation { PROVOKE_NONE = 0, PROVOKE_PANIC, PROVOKE_HANG, PROVOKE_LEAK, PROVOKE_CLIENT_FAULT,
    PROVOKE_CLIENT_HANG, PROVOKE_BAD_REQUEST, PROVOKE_ORDER, PROVOKE_RACE, PROVOKE_LOST_WAKEUP, PROVOKE_HASTE,
    PROVOKE_EARLY_ACK };

enum fault_kind { /* variants from 0 */
    FAULT_CLIENT_CRASH = 1,     /* page fault, illegal instruction, kill */
    FAULT_MEMORY_CORRUPTION,    /* a client writes past its buffer; an overrun of an object in the kernel's heap */
    FAULT_BUFFER_EXHAUSTION,    /* a client takes shared memory, surfaces, pools until it is refused */
    FAULT_EVENT_QUEUE_OVERFLOW, /* a client stops reading while events arrive */
    FAULT_HANG,                 /* a client stops responding */
    FAULT_HOSTILE_CLIENT,       /* a client sends invalid requests */
    FAULT_DEADLOCK,             /* two clients lock two mutexes in opposite order */
    FAULT_NETWORK_PARTITION,    /* the link of one side is cut for some time: the server's, the remote display's */
    FAULT_DISK_ERROR,           /* the disk refuses one read, one write, every write to one block */
    FAULT_DISK_OUTAGE,          /* the disk refuses all reads, all writes, for some time */
};
#define FAULT_TARGET_HEAP MAX_CLIENTS /* in place of a client id: the kernel's heap */
#define FAULT_TARGET_NETWORK (MAX_CLIENTS + 1) /* ... the network */
#define FAULT_TARGET_DISK (MAX_CLIENTS + 2)    /* ... the disk */
/* How a failure was detected. */
enum detection {
    DETECTED_CRASH = 1, DETECTED_KILL, DETECTED_RED_ZONE, DETECTED_LIMIT, DETECTED_OVERFLOW, DETECTED_HANG,
    DETECTED_PROTOCOL, DETECTED_DEADLOCK, DETECTED_LINK_DOWN, DETECTED_HEARTBEAT, DETECTED_IO_ERROR,
};

/* ---- Trace ring ------------------------------------------------------------------------------ */
/* Found by the host at physical address TRACE_HEADER_PHYS; drained at each rendezvous. */
#define TRACE_HEADER_PHYS 0x7000ull
#define TRACE_MAGIC 0x45434152544f5952ull

struct trace_header {
    u64 magic;
    u32 abi_version;
    u32 record_bytes;   /* sizeof(struct trace_record) */
    u64 ring_phys;      /* physical address of record 0 */
    u64 ring_records;   /* capacity, a power of two */
    u64 head;           /* records kept so far; record i is at index i % ring_records */
    u64 drained;        /* head at the last completed rendezvous */
    u64 epoch_tsc;
    u64 framebuffer_phys; /* of the buffer on screen, XRGB8888 */
    u32 framebuffer_width;
    u32 framebuffer_height;
    u32 state;          /* enum run_state */
    u32 lost;           /* records lost; not 0: the run is void */
    u32 request;        /* enum host_request, carried out when the machine continues from this rendezvous */
    u32 request_x;
    u32 request_y;
    u32 reserved;
};
enum host_request {
    HOST_NOTHING = 0,
    HOST_MOTION,        /* the tablet to (x, y), 0 to INPUT_RANGE over the screen */
    HOST_KEY,           /* key of Linux code x pressed (y = 1) or released (0) */
    HOST_LINK,          /* link of network side x cut (y = 0) or restored (1), before the machine continues */
    HOST_DISK,          /* from now on the disk refuses only enum disk_refusal x; y: the block concerned */
};
/* A block that was refused once stays refused. */
enum disk_refusal { REFUSE_NOTHING = 0, REFUSE_READ, REFUSE_WRITE, REFUSE_BLOCK, REFUSE_READS, REFUSE_WRITES };
#define INPUT_RANGE 0x7fff
enum run_state { STATE_BOOT = 0, STATE_RUNNING, STATE_DONE, STATE_PANIC, STATE_POWER_CUT };

struct trace_record { /* 32 bytes */
    u64 time_ns;     /* since the scenario started */
    u64 arg;
    u32 subject;
    u32 cpu_ns;      /* points: CPU time of this thread since its previous point; measurements: 0 */
    u16 kind;        /* enum trace_kind */
    u16 thread;      /* enum thread_id, or THREAD_CLIENT0 + client id */
    u8 cpu;
    u8 irqs;         /* interrupts on the CPU during this segment (saturating) */
    u8 dispatches;   /* dispatches of the thread within this segment (saturating) */
    u8 sleepers;     /* sleeping threads on this CPU at this record (saturating) */
};

enum thread_id { THREAD_IDLE = 0, THREAD_REPORTER, THREAD_COMPOSITOR, THREAD_LAUNCHER, THREAD_INJECTOR, THREAD_DISK,
    THREAD_NETWORK, THREAD_CLIENT0 = 16 };

/* A point closes a segment of its thread's control flow (docs/mechanism.md). The order of points is the contract
 * between kernel and model. PACK(low, high) fills the halves of arg. Pixels are copied in steps, 16 bytes per
 * instruction: a row of w pixels takes ROW_STEPS(w) steps. */
#define STEP_PIXELS 32
#define ROW_STEPS(w) (((w) + STEP_PIXELS - 1) / STEP_PIXELS)
#define PACK8(low, high) ((u32)(u8)(low) | (u32)(high) << 8)
#define PACK(low, high) ((u64)(u32)(low) | (u64)(u32)(high) << 32)
#define QUEUED(bytes, events, locked_ns) ((bytes) | (events) << 16 | (u64)(locked_ns) << 32)
#define PAINTED(steps, rows, groups) ((steps) | (u64)(rows) << 28 | (u64)(groups) << 50) /* groups of windows tested */
enum trace_kind {
    /* any thread */
    P_BLOCK = 1,      /* blocks;                   subject ns for which it has held the kernel lock */
    P_EXIT = 2,
    /* client threads */
    P_ENTER = 3,      /* entered send();           subject tag, arg PACK(steps, rows) drawn since the last call */
    P_SEND = 4,       /* batch is in the socket;   subject tag, arg bytes */
    P_RECEIVE = 5,    /* receive() copied out;     subject queue-writes consumed, arg bytes */
    P_WAKE = 6,       /* receive() passed its deadline without data */
    P_SHM = 7,        /* shm_create() done;        arg pages */
    P_SHM_FREE = 8,   /* shm_destroy() done;       arg pages */
    P_PIPE = 9,       /* pipe() done */
    P_PIPE_IO = 10,   /* pipe read/write/close done; subject 0 read, 1 write, 2 close; arg bytes */
    P_FIRST = 11,     /* first entry to ring 3 */
    P_LOCK = 12,      /* locked a mutex;           subject mutex */
    P_UNLOCK = 13,    /* unlocked it;              subject mutex */
    P_CALL = 14,      /* entered put() */
    /* compositor */
    P_TAKE = 16,      /* took one batch from a client;  subject client, arg bytes */
    P_REQUEST = 17,   /* handled one request;         subject client, arg PACK(REQUEST_ID(interface, opcode), bytes) */
    P_EVENTS = 18,    /* one queue-write to a client; subject client, arg QUEUED(bytes, events, ns of LOCK_KERNEL) */
    P_COMPOSITE = 19, /* one composite pass;            subject blits | rectangles << 16, arg PAINTED(...) */
    P_FLIP = 20,      /* one page flip;               subject surfaces newly shown, arg freed pages of shared memory */
    P_VBLANK = 21,    /* vblank handled without a flip */
    P_INPUT = 22,     /* seat produced an input event;  subject client, arg events written */
    P_PING = 23,      /* ping round;                    subject clients pinged */
    P_DISCONNECT = 24,/* a client's objects destroyed;  subject client */
    P_DRAG = 25,      /* one step of a drag;            subject client, arg step */
    P_REPAINT = 26,   /* repaint point reached: a composite pass begins, or there is nothing to paint */
    P_DEVICE = 27,    /* an input device's report arrived; subject client */
    /* launcher and reporter */
    P_SPAWN = 32,     /* process created;  subject 0: a client, 1: background load; arg its id */
    P_REAP = 33,      /* process freed;    subject client, arg pages */
    P_SNAPSHOT = 34,  /* the second's snapshot printed */
    P_PROFILE = 35,   /* the second's memory profile printed; kind performance */
    /* launcher and injector */
    P_RECOVER = 36,   /* launcher: the respawn of a lost client is planned; subject client */
    P_INJECT = 37,    /* injector: a fault was injected;    subject client, arg kind << 4 | variant */
    P_REPORT = 38,    /* injector: one line was printed;    subject enum report */
    P_SCRUB = 39,     /* injector: one check of the heap;   arg objects */
    /* store (any process) and disk thread */
    P_PUT = 40,       /* record put into the cache;      arg bytes */
    P_GET = 41,       /* record found in the cache and copied out;  arg bytes */
    P_DELETE = 42,
    P_DURABLE = 43,   /* flush acknowledged */
    P_MEMORY = 44,    /* subject 0 mapped, 1 unmapped, 2 refused; arg pages; refused: pages mapped first and unmapped */
    P_DISK_SUBMIT = 45, /* one request to the device;    subject operation */
    P_DISK_DONE = 46, /* one request delivered;    subject operation, arg blocks that a flush freed */
    P_DISK_NOTIFY = 47, /* the device was notified */
    /* network thread; subject enum net_side */
    P_NET_SEND = 48,  /* one frame passed to the device;       arg bytes */
    P_NET_RECEIVE = 49, /* one delivery taken;                 arg bytes, 0: nothing arrived */
    /* compositor, on: */
    P_ACTION = 50,    /* carried out an event of the timeline; subject enum action, arg clients concerned */
    P_RESIZE = 51,    /* one step of an interactive resize;    subject client, arg step */
    P_MARKER = 52,    /* printed a milestone;                  arg letters of its event's name */
    P_LINK = 53,      /* network: detected a change of the link, or a timeout; injector: the link is restored */
    P_MEND = 54,      /* injector: an outage of the disk is over */

    /* Measurements: subject client, arg ns, unless stated otherwise */
    M_COMMIT_TO_PRESENT = 64,
    M_BUFFER_COMMIT,      /* 65 */
    M_EVENT_DELIVERY,     /* 66 per queue-write */
    M_CLIENT_CREATION,    /* 67 */
    M_INPUT_ROUND_TRIP,   /* 68 */
    M_COMPOSITION,        /* 69 */
    M_FLIP,               /* 70 arg vblank index */
    M_DROPPED,            /* 71 arg vblank index */
    M_IDLE,               /* 72 arg idle ns of this second, all vCPUs; at each snapshot */
    M_PAGES,              /* 73 arg pages in use, subject page allocations so far; at each snapshot */
    M_HEAP,               /* 74 arg heap bytes in use, subject objects allocated so far; at each snapshot */
    M_PAGES_PEAK,         /* 75 arg maximum of pages in use; once, at the end */
    M_TIMER,              /* 76 timer deadline to the scheduler on an idle CPU; the switch follows. Subject: ns from the
                             block that made it idle to the release of the kernel lock */
    M_CLIENT_CREATED,     /* 77 arg generation */
    M_CLIENT_DESTROYED,   /* 78 arg 0 left, 1 fault, 2 killed, 3 protocol error */
    M_PROTOCOL_ERROR,     /* 79 arg code */
    M_HANG,               /* 80 arg ns since the unanswered ping */
    M_CRASH,              /* 81 arg fault vector */
    M_LEAK,               /* 82 subject heap bytes, arg pages, not returned; once, at the end (0 when clean) */
    M_BASELINE,           /* 83 arg pages in use before the first client; subject heap bytes; once, at start */
    M_FREE_BLOCK,         /* 84 arg pages of the largest free block, subject free pages; at each snapshot */
    /* Faults: subject FAULT_SUBJECT; at that instant. A failure that was not injected has kind 0. */
    M_FAULT_INJECTED,     /* 85 arg variant */
    M_FAULT_DETECTED,     /* 86 arg ns since injection */
    M_FAULT_RECOVERED,    /* 87 arg ns since injection or, of a lasting fault, since its end; only if in time */

    /* At each snapshot, of the second just ended: subject PACK8(lock id, count), arg PACK(total, longest) ns */
    M_LOCK_HOLD = 96,     /* acquisitions, hold times */
    M_LOCK_WAIT,          /* 97 contended acquisitions, waiting times; no record if there were none */
    M_READY_WAIT,         /* 98 subject dispatches of threads, arg from ready to running */

    /* Disk, store, memory stress */
    M_DISK_REQUEST = 100,         /* delivered;  subject block << 2 | operation (0 read, 1 write, 2 flush), arg ns */
    M_DISK_RETRY,         /* 101 a request failed and is retried;  subject block, arg operation */
    M_DISK_ERROR,         /* 102 a request failed for good;  subject block, arg operation */
    M_CORRUPT,            /* 103 a block's content is wrong;  subject block */
    M_CACHE,              /* 104 subject hits, arg misses of the second; at each snapshot */
    M_CACHE_PAGES,        /* 105 subject dirty blocks, arg pages of the buffer cache; at each snapshot */
    M_RECLAIM,            /* 106 arg pages reclaimed from the buffer cache */
    M_REFUSED,            /* 107 a process was refused memory;  subject client, arg pages it holds */
    M_DURABLE,            /* 108 a flush was acknowledged;  subject client, arg its tag */
    M_VERIFIED,           /* 109 written by the host after the run; subject wrong blocks, arg correct blocks */

    M_MARKER,             /* 110 a RAYOS_INTEGRATION line was printed; subject number of earlier ones */
    M_PRESENTATION_JITTER,/* 111 media: deviation of the time between two presentations from the period */
    M_CONFIGURE,          /* 112 configure sent to the flip that shows content obeying it */
    M_REMOTE_UPDATE,      /* 113 the remote display shows an update; subject sequence number, arg ns since sending */
    M_STORE_ERROR,        /* 114 a call on the store returned E_IO; arg the call */
    /* Bytes on the wire, only with TRACE_WIRE: subject client, arg the size, then 8 bytes per record */
    W_REQUESTS = 120,
    W_EVENTS = 121,
};
#define TRACE_WIRE 2

#define FAULT_SUBJECT(target, kind) ((u32)(target) | (u32)(kind) << 16)
enum report { REPORT_INJECT = 0, REPORT_DETECTED, REPORT_RECOVERY_START, REPORT_RECOVERY_COMPLETE };

/* Interfaces, for REQUEST_ID; opcodes are those of the published XML. */
enum wayland_interface {
    WL_DISPLAY = 1, WL_REGISTRY, WL_CALLBACK, WL_COMPOSITOR, WL_SHM_POOL, WL_SHM, WL_BUFFER, WL_DATA_OFFER,
    WL_DATA_SOURCE, WL_DATA_DEVICE, WL_DATA_DEVICE_MANAGER, WL_SURFACE, WL_SEAT, WL_POINTER, WL_KEYBOARD,
    WL_OUTPUT, WL_REGION, XDG_WM_BASE, XDG_POSITIONER, XDG_SURFACE, XDG_TOPLEVEL,
    ZXDG_DECORATION_MANAGER_V1, ZXDG_TOPLEVEL_DECORATION_V1,
};
#define REQUEST_ID(interface, opcode) ((u32)(interface) << 8 | (opcode))

/* The purpose of a batch of requests: the tag that a client passes to send(). */
enum batch_tag {
    TAG_REGISTRY = 1, TAG_BIND, TAG_ACK, TAG_FIRST, TAG_FRAME, TAG_PONG, TAG_NEW_SURFACE, TAG_DESTROY,
    TAG_DRAG, TAG_ACCEPT, TAG_RECEIVE, TAG_FINISH, TAG_DRAG_DONE, TAG_LEAVE,
    TAG_EXHAUST, TAG_HOSTILE, TAG_POISON,
    TAG_DECORATE, TAG_SHELL, TAG_RESIZE, TAG_RECONFIGURE, TAG_RETHEME,
    TAG_COPY, TAG_COPY_DONE, TAG_PASTE, TAG_PASTE_DONE,
};

/* ---- System calls: number in rax; arguments rdi rsi rdx r10 r8; result rax, negative = -error ---- */
enum syscall {
    SYS_EXIT = 0,        /* (status) */
    SYS_SEND = 1,        /* (buf, bytes <= BATCH_BYTES, handle or -1, tag, PACK(steps, rows)) blocks while it is full */
    SYS_RECEIVE = 2,     /* (buf, capacity, deadline_ns, i32 *handle) -> bytes; 0: deadline passed; *handle: or -1 */
    SYS_SHM_CREATE = 3,  /* (bytes, u64 *address) -> handle, mapped read-write */
    SYS_SHM_DESTROY = 4, /* (handle) unmaps and drops the client's reference */
    SYS_PIPE = 5,        /* (i32 handles[2]) read end, write end */
    SYS_PIPE_READ = 6,   /* (handle, buf, bytes) -> bytes, blocks; 0 when every write end is closed */
    SYS_PIPE_WRITE = 7,  /* (handle, buf, bytes) -> bytes, blocks while full */
    SYS_CLOSE = 8,       /* (handle) */
    SYS_YIELD = 9,
    SYS_MUTEX_LOCK = 10, /* (mutex) blocks while another process owns it; a caller that would close a cycle is killed */
    SYS_MUTEX_UNLOCK = 11, /* (mutex) */
    SYS_SLEEP = 16,      /* (deadline_ns) */
    SYS_PUT = 17,        /* (name, buf, bytes <= RECORD_BYTES) to the cache; blocks while the cache is full */
    SYS_GET = 18,        /* (name, buf, capacity) -> bytes */
    SYS_DELETE = 19,     /* (name) */
    SYS_FLUSH = 20,      /* (tag) blocks until all earlier puts and deletes are durable */
    SYS_MEMORY = 21,     /* (pages) maps further pages at the end of CLIENT_MEMORY; negative: unmaps -> pages held */
};
enum error { E_INVALID = 22, E_NO_MEMORY = 12, E_BAD_HANDLE = 9, E_CLOSED = 32, E_FULL = 11, E_BAD_ADDRESS = 14,
             E_NO_CALL = 38, E_NOT_FOUND = 2, E_IO = 5, E_NO_SPACE = 28 };
#define NAME_BYTES 24    /* of a record, NUL included */
#define RECORD_BYTES 4032
#define STRESS_SLOTS 256       /* records of a disk stressor, written in turn */
#define STRESS_FLUSH_EVERY 64  /* puts */
#define STORE_RECORD_BYTES 48 /* the store's memory per block of the disk: index entry ... */
#define PLACE_BYTES 20        /* ... and place */
#define BUFFER_BYTES 40       /* the cache's memory per block of its capacity */
#define BATCH_BYTES 4096
#define PIPE_BYTES 4096
#define BLOCK_BYTES 4096
#define MAX_HANDLES 32
#define MAX_CLIENTS 1024
#define MAX_MUTEXES 64

/* ---- A client's configuration: read-only page in its address space ---------------------------- */
#define COMPUTE_TURN_NS 50000 /* a computing process executes a pause after each turn */
#define CLIENT_TEXT 0x400000ull
#define CLIENT_CONFIG 0x420000ull
#define CLIENT_EVENTS 0x420100ull /* in the same page */
#define CLIENT_TABLES 0x421000ull /* think table, then gap table; read-only */
#define CLIENT_SHM 0x600000ull
#define CLIENT_MEMORY 0x40000000ull /* SYS_MEMORY; shared memory stays below it */
#define CLIENT_STACK_TOP 0x440000ull

struct client_config {
    u64 seed;
    u64 end_ns;       /* the client leaves at this time */
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
    u32 fault;        /* injected fault: kind << 4 | variant; in a deadlock | the pair's first client << 16; 0: none */
    u32 level_ppm;    /* stressors: present share of their load; the kernel changes it */
    u32 event_count;  /* entries at CLIENT_EVENTS: the timeline's events for this client */
    u64 target_pages; /* stress_memory: pages to hold at full load */
    u32 decorated;    /* 1: the timeline changes its theme */
    u32 place;        /* in its group, from 0 */
    u32 stored;       /* 1: there is a store */
    u32 reserved;
};
#endif
