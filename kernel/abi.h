/* What crosses a boundary: scenario image, trace ring, system calls, client configuration.
 *
 * Read by the kernel, by the ring-3 clients and (mirrored in rayos_model/abi.py, compared by a test)
 * by the host. Everything is little-endian and naturally aligned. Bump ABI_VERSION on any change.
 */
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
    u64 respawn_ns;         /* a client that was lost is replaced this much later; 0: never */
    u64 scrub_interval_ns;  /* the red zones of the whole heap are looked at this often; 0: only at kfree */
    u64 lock_timeout_ns;    /* a mutex held this long while another waits: its owner counts as hung; 0: no such watch */
    u64 warmup_ns;     /* latencies count from here on */
    u64 power_cut_ns;  /* the machine stops for good here, for tests of what the disk then holds; 0: it does not */
    u32 kind;          /* enum scenario_kind */
    u32 vcpus;
    u32 memory_mb;
    u32 width;         /* pixels */
    u32 height;
    u32 refresh_mhz;   /* millihertz */
    u32 trace_points;  /* 0: keep measurements only; 1: points (kinds < 64) too; TRACE_WIRE: the bytes on the wire too */
    u32 compositor_priority;
    u32 socket_bytes;  /* capacity of each direction of a client's socket */
    u32 provoke;       /* enum provocation: 0 in every ordinary run; proves the detectors in tests */
    u32 client_memory_kb;  /* shared memory a client may hold; 0: no limit */
    u32 client_surfaces;   /* surfaces a client may have; 0: no limit */
    u32 client_pools;      /* pools a client may have; 0: no limit */
    u32 detectors_off;     /* bits 1 << enum detection; 0 in every ordinary run; proves that tests can fail */
    u32 input_source;  /* enum input_source */
    u32 jitter_seed;   /* perturbs each quantum, to try other interleavings; 0: quanta are exact */
    u32 ipi_delay_seed; /* makes interrupts from one processor to another late, to try further ones; 0: none is */
    u32 recorded;      /* QEMU records or replays this run, and then hands on what comes from the host when a timer fires; else 0 */
    char name[64];     /* NUL-terminated */
};

#define LOAD_STEPS 16

struct image_load { /* follows the settings: background load, all zero where there is none */
    u64 step_ns;          /* how long each step lasts; 0: the whole load, all the time */
    u64 latency_limit_ns; /* a second whose commit-to-present p99 is above it takes the load one step down; 0: none */
    u32 step_count;       /* of steps_ppm, at most LOAD_STEPS; 0: the whole load, all the time */
    u32 cpu_threads;      /* computing ring-3 threads */
    u32 cpu_priority;
    u32 memory_ppm;       /* share of all memory to be in use, parts per million */
    u32 disk_iops;        /* requests a second */
    u32 disk_depth;       /* requests in flight */
    u32 steps_ppm[LOAD_STEPS]; /* levels, in the order in which they are applied: share of the whole load */
};

struct image_disk { /* follows the load: the disk and its cache, all zero where there is none */
    u64 latency_ns;    /* of each request */
    u64 bytes_per_s;   /* of each channel, after the latency */
    u32 mb;
    u32 channels;      /* requests it works on at a time; the others queue, first come, first served */
    u32 cache_pages;   /* most blocks the buffer cache holds */
    u32 reserved;
};

struct image_network { /* follows the disk: the remote display session (remote.c), all zero where there is none */
    u64 heartbeat_ns;  /* the server sends an update this often */
    u64 timeout_ns;    /* with none answered for so long the session counts as lost */
    u64 latency_ns;    /* of the network, each way */
};

struct image_group { /* group_count of them follow the network */
    u64 period_ns;     /* 1/rate; 0 where the workload has no rate */
    u64 start_ns;      /* first client of the group is spawned here ... */
    u64 stagger_ns;    /* ... and each next one this much later */
    u64 lifetime_ns;   /* a client leaves after this long and is spawned anew; 0: stays to the end */
    u32 first_client;
    u32 count;
    u32 workload;      /* enum workload */
    u32 priority;
    u32 surface_width;
    u32 surface_height;
    u32 damage_ppm;    /* repainted share of the surface's rows, parts per million */
    u32 think_table;   /* index of the table of think times, ns */
    u32 gap_table;     /* index of the table of gaps between actions (input, surface_creation, drag_drop), ns */
    u32 transfer_bytes;/* drag_drop: size of the dropped data, at most PIPE_BYTES; clipboard: of the largest copy, any */
    u64 reserved;
};

/* fault_count of them follow the groups: where failures come from (docs/explanation/faults.md). */
struct image_fault {
    u64 start_ns;      /* the first strikes here (period_ns 0), or within one period from here */
    u64 end_ns;        /* none at or after this time */
    u64 period_ns;     /* one in each period, at a random instant of it; 0: one alone, at start_ns */
    u64 duration_ns;   /* network_partition, disk_outage: how long it lasts */
    u32 count;         /* at most so many */
    u32 kind;          /* enum fault_kind */
    u32 variant;       /* of the kind; VARIANT_ANY: drawn */
    u32 first_client;  /* the target is drawn from these */
    u32 client_count;
    u32 reserved;
};
#define VARIANT_ANY 0xffffffffu
struct image_event { /* then timeline_count of these, in order of time; at most MAX_EVENTS */
    u64 at_ns;
    u32 action;        /* enum action */
    u32 value;         /* theme_change: decoration mode; resize: steps */
    u32 first_client;  /* what it concerns: these clients */
    u32 count;
};
#define MAX_EVENTS 64
/* then table_count tables of QUANTILES u64 each */

enum net_side { NET_SERVER = 0, NET_REMOTE };
enum scenario_kind { KIND_SOAK = 1, KIND_STRESS, KIND_FAILURE, KIND_PERFORMANCE, KIND_INTEGRATION };
enum input_source { INPUT_SEAT = 0, INPUT_DEVICE }; /* who makes input events: the seat itself, or the host through the input devices */
enum workload { WORKLOAD_IDLE = 0, WORKLOAD_RENDERING, WORKLOAD_INPUT, WORKLOAD_SURFACE_CREATION, WORKLOAD_DRAG_DROP,
    WORKLOAD_MEDIA, WORKLOAD_CLIPBOARD, WORKLOAD_EDITOR, WORKLOAD_SURGE, WORKLOAD_RESIZE,
    WORKLOAD_STRESS_DISK = 16, WORKLOAD_STRESS_MEMORY, /* and these: background load, in no group */
    WORKLOAD_COMPUTE = 32 };
/* The compositor's: those before ACTION_MAXIMIZE; the others are the clients' own, who ask for them. */
enum action { ACTION_THEME_CHANGE = 1, ACTION_CLOSE, ACTION_RESTORE,
    ACTION_MAXIMIZE, ACTION_UNMAXIMIZE, ACTION_FULLSCREEN, ACTION_UNFULLSCREEN, ACTION_MINIMIZE, ACTION_RESIZE, ACTION_SURGE };
enum provocation { PROVOKE_NONE = 0, PROVOKE_PANIC, PROVOKE_HANG, PROVOKE_LEAK, PROVOKE_CLIENT_FAULT, PROVOKE_CLIENT_HANG, PROVOKE_BAD_REQUEST,
    PROVOKE_ORDER, PROVOKE_RACE, PROVOKE_LOST_WAKEUP, PROVOKE_HASTE, PROVOKE_EARLY_ACK };

enum fault_kind { /* variants from 0 */
    FAULT_CLIENT_CRASH = 1,     /* page fault, illegal instruction, kill */
    FAULT_MEMORY_CORRUPTION,    /* a client writes past its buffer; an overrun of an object of the kernel's heap */
    FAULT_BUFFER_EXHAUSTION,    /* a client takes shared memory, surfaces, pools until it is refused */
    FAULT_EVENT_QUEUE_OVERFLOW, /* a client stops reading while events come */
    FAULT_HANG,                 /* a client stops responding */
    FAULT_HOSTILE_CLIENT,       /* a client sends what no client should */
    FAULT_DEADLOCK,             /* two clients lock two mutexes in opposite order */
    FAULT_NETWORK_PARTITION,    /* the link of one side is cut, for a while: the server's, the remote display's */
    FAULT_DISK_ERROR,           /* the disk refuses one read, one write, every write to one block */
    FAULT_DISK_OUTAGE,          /* the disk refuses all reads, all writes, for a while */
};
#define FAULT_TARGET_HEAP MAX_CLIENTS /* stands for a client id where a fault strikes the kernel's heap */
#define FAULT_TARGET_NETWORK (MAX_CLIENTS + 1) /* ... the network */
#define FAULT_TARGET_DISK (MAX_CLIENTS + 2)    /* ... the disk */
/* How a failure was noticed. */
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
    u64 head;           /* records ever kept; record i lives at i % ring_records */
    u64 drained;        /* head at the last completed rendezvous */
    u64 epoch_tsc;
    u64 framebuffer_phys; /* of the buffer on screen, XRGB8888 */
    u32 framebuffer_width;
    u32 framebuffer_height;
    u32 state;          /* enum run_state */
    u32 lost;           /* records lost; any other value than 0 voids the run */
    u32 request;        /* enum host_request, to be carried out when the machine runs on from this rendezvous */
    u32 request_x;
    u32 request_y;
    u32 reserved;
};
enum host_request {
    HOST_NOTHING = 0,
    HOST_MOTION,        /* the tablet to (x, y), 0 to INPUT_RANGE over the screen */
    HOST_KEY,           /* the keyboard's key of code x (as Linux numbers them) pressed (y = 1) or released (0) */
    HOST_LINK,          /* the link of network side x cut (y = 0) or joined again (1), before the machine runs on */
    HOST_DISK,          /* from now on the disk refuses what x says, and it alone; y the block that is meant */
};
/* Blocks that were once refused stay so. */
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
    u8 irqs;         /* interrupts taken while this segment had the CPU (saturating) */
    u8 dispatches;   /* times the thread was dispatched within this segment (saturating) */
    u8 sleepers;         /* threads that wait for a deadline, at this record (saturating) */
};

enum thread_id { THREAD_IDLE = 0, THREAD_REPORTER, THREAD_COMPOSITOR, THREAD_LAUNCHER, THREAD_INJECTOR, THREAD_DISK, THREAD_NETWORK, THREAD_CLIENT0 = 16 };

/* Points close a segment of their thread's control flow (docs/explanation/mechanism.md); their order is the contract
 * between kernel and model. PACK(low, high) fills the halves of arg.
 * Pixels move a step at a time, 16 bytes an instruction: a row of w pixels takes ROW_STEPS(w) steps. */
#define STEP_PIXELS 32
#define ROW_STEPS(w) (((w) + STEP_PIXELS - 1) / STEP_PIXELS)
#define PACK8(low, high) ((u32)(u8)(low) | (u32)(high) << 8)
#define PACK(low, high) ((u64)(u32)(low) | (u64)(u32)(high) << 32)
#define QUEUED(bytes, events, locked_ns) ((bytes) | (events) << 16 | (u64)(locked_ns) << 32)
#define PAINTED(steps, rows, groups) ((steps) | (u64)(rows) << 28 | (u64)(groups) << 50) /* groups of windows looked at */
enum trace_kind {
    /* any thread */
    P_BLOCK = 1,      /* gives up the CPU to wait;  subject ns for which it has had the kernel lock */
    P_EXIT = 2,
    /* client threads */
    P_ENTER = 3,      /* entered send();           subject tag, arg PACK(steps, rows) drawn since the last call */
    P_SEND = 4,       /* batch is in the socket;   subject tag, arg bytes */
    P_RECEIVE = 5,    /* recv() copied out;        subject queue-writes consumed, arg bytes */
    P_WAKE = 6,       /* recv() passed its deadline with no data */
    P_SHM = 7,        /* shm_create() done;        arg pages */
    P_SHM_FREE = 8,   /* shm_destroy() done;       arg pages */
    P_PIPE = 9,       /* pipe() done */
    P_PIPE_IO = 10,   /* pipe read/write/close done; subject 0 read, 1 write, 2 close; arg bytes */
    P_FIRST = 11,     /* first entry to ring 3 */
    P_LOCK = 12,      /* has a mutex;              subject mutex */
    P_UNLOCK = 13,    /* has given it back;        subject mutex */
    P_CALL = 14,      /* entered put() */
    /* compositor */
    P_TAKE = 16,      /* took one batch from a client;  subject client, arg bytes */
    P_REQUEST = 17,   /* handled one request;           subject client, arg PACK(REQUEST_ID(interface, opcode), bytes) */
    P_EVENTS = 18,    /* one queue-write to a client;   subject client, arg QUEUED(bytes, events, ns of the kernel lock so far) */
    P_COMPOSITE = 19, /* one composite pass;            subject blits | rectangles << 16, arg PAINTED(steps, rows, groups) */
    P_FLIP = 20,      /* one page flip;                 subject surfaces newly shown, arg pages of shared memory given back */
    P_VBLANK = 21,    /* vblank handled without a flip */
    P_INPUT = 22,     /* seat produced an input event;  subject client, arg events written */
    P_PING = 23,      /* ping round;                    subject clients pinged */
    P_DISCONNECT = 24,/* a client's objects destroyed;  subject client */
    P_DRAG = 25,      /* one step of a drag;            subject client, arg step */
    P_REPAINT = 26,   /* repaint point reached: a composite pass begins, or there is nothing to paint */
    P_DEVICE = 27,    /* an input device's report is there; subject client */
    /* launcher and reporter */
    P_SPAWN = 32,     /* process created;  subject 0: a client, 1: background load; arg its id */
    P_REAP = 33,      /* process freed;    subject client, arg pages */
    P_SNAPSHOT = 34,  /* second's snapshot printed */
    P_PROFILE = 35,   /* second's memory profile printed; kind performance */
    /* launcher and injector */
    P_RECOVER = 36,   /* launcher: a lost client's replacement is planned; subject client */
    P_INJECT = 37,    /* injector: a fault struck;          subject client, arg kind << 4 | variant */
    P_REPORT = 38,    /* injector: one line was printed;    subject enum report */
    P_SCRUB = 39,     /* injector: one look at the heap;    arg objects */
    /* store (any process) and disk thread */
    P_PUT = 40,       /* record put into the cache;      arg bytes */
    P_GET = 41,       /* record found in the cache and copied out;  arg bytes */
    P_DELETE = 42,
    P_DURABLE = 43,   /* flush acknowledged */
    P_MEMORY = 44,    /* subject 0 mapped, 1 unmapped, 2 refused; arg pages: of the last, those mapped before and returned */
    P_DISK_SUBMIT = 45, /* one request to the device;    subject operation */
    P_DISK_DONE = 46, /* one request delivered;    subject operation, arg blocks that a flush let go */
    P_DISK_NOTIFY = 47, /* the device was told */
    /* network thread; subject enum net_side */
    P_NET_SEND = 48,  /* one frame given to the device;        arg bytes */
    P_NET_RECEIVE = 49, /* one delivery looked at;             arg bytes, 0: nothing arrived */
    /* compositor, on: */
    P_ACTION = 50,    /* carried out an event of the timeline; subject enum action, arg clients concerned */
    P_RESIZE = 51,    /* one step of an interactive resize;    subject client, arg step */
    P_MARKER = 52,    /* printed a milestone;                  arg letters of its event's name */
    P_LINK = 53,      /* network: noticed a change of the link, or a timeout; injector: the link is whole again */
    P_MEND = 54,      /* injector: an outage of the disk is over */

    /* Measurements: subject client, arg ns, unless said otherwise */
    M_COMMIT_TO_PRESENT = 64,
    M_BUFFER_COMMIT,      /* 65 */
    M_EVENT_DELIVERY,     /* 66 one per queue-write */
    M_CLIENT_CREATION,    /* 67 */
    M_INPUT_ROUND_TRIP,   /* 68 */
    M_COMPOSITION,        /* 69 */
    M_FLIP,               /* 70 arg vblank index */
    M_DROPPED,            /* 71 arg vblank index */
    M_IDLE,               /* 72 arg idle ns of this second, all vCPUs; at each snapshot */
    M_PAGES,              /* 73 arg pages in use, subject page allocations so far; at each snapshot */
    M_HEAP,               /* 74 arg heap bytes in use, subject objects allocated so far; at each snapshot */
    M_PAGES_PEAK,         /* 75 arg most pages ever in use; once, at the end */
    M_TIMER,              /* 76 timer deadline to the scheduler, CPU was idle; the switch follows. Subject: ns from the block
                             that made it idle to the release of the kernel lock */
    M_CLIENT_CREATED,     /* 77 arg generation */
    M_CLIENT_DESTROYED,   /* 78 arg 0 left, 1 fault, 2 killed, 3 protocol error */
    M_PROTOCOL_ERROR,     /* 79 arg code */
    M_HANG,               /* 80 arg ns since the unanswered ping */
    M_CRASH,              /* 81 arg fault vector */
    M_LEAK,               /* 82 subject heap bytes, arg pages, not returned; once, at the end (0 when clean) */
    M_BASELINE,           /* 83 arg pages in use before the first client; subject heap bytes; once, at start */
    M_FREE_BLOCK,         /* 84 arg pages of the largest free block, subject free pages; at each snapshot */
    /* Faults: subject FAULT_SUBJECT; at that instant. A failure that nobody injected has kind 0. */
    M_FAULT_INJECTED,     /* 85 arg variant */
    M_FAULT_DETECTED,     /* 86 arg ns since injection */
    M_FAULT_RECOVERED,    /* 87 arg ns since injection, of what lasts since its end; only when in time */

    /* At each snapshot, of the second that ends; subject PACK8(lock id, times), arg PACK(total, longest), ns, saturating */
    M_LOCK_HOLD = 96,     /* times the lock was taken, how long it was held */
    M_LOCK_WAIT,          /* 97 times it was taken already, how long it was waited for; none when there were none */
    M_READY_WAIT,         /* 98 subject dispatches of threads, arg from being ready to running */

    /* Disk, store, memory stress */
    M_DISK_REQUEST = 100,         /* a request was delivered;  subject block << 2 | operation (0 read, 1 write, 2 flush), arg ns */
    M_DISK_RETRY,         /* 101 a request failed and is tried again; subject block, arg operation */
    M_DISK_ERROR,         /* 102 a request failed for good;  subject block, arg operation */
    M_CORRUPT,            /* 103 a block is not what was written there;  subject block */
    M_CACHE,              /* 104 subject hits, arg misses of the second; at each snapshot */
    M_CACHE_PAGES,        /* 105 subject dirty blocks, arg pages of the buffer cache; at each snapshot */
    M_RECLAIM,            /* 106 arg pages taken from the buffer cache because memory was short */
    M_REFUSED,            /* 107 memory was refused to a process;  subject client, arg pages it holds */
    M_DURABLE,            /* 108 a flush was acknowledged;  subject client, arg the tag it gave */
    M_VERIFIED,           /* 109 written by the host, after the run: subject blocks found wrong, arg blocks found whole */

    M_MARKER,             /* 110 a RAYOS_INTEGRATION line was printed; subject how many before it */
    M_PRESENTATION_JITTER,/* 111 media: how far two presentations in a row are from one period apart */
    M_CONFIGURE,          /* 112 configure sent to the flip that shows what obeys it */
    M_REMOTE_UPDATE,      /* 113 the remote display shows what was sent; subject sequence number, arg ns since it was sent */
    M_STORE_ERROR,        /* 114 a call on the store was answered by E_IO; arg the call */
    /* Bytes on the wire, kept only if trace_points is TRACE_WIRE: subject client, arg the size, then 8 bytes a record */
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

/* What a batch of requests is for: the tag a client gives to send(). */
enum batch_tag {
    TAG_REGISTRY = 1, TAG_BIND, TAG_ACK, TAG_FIRST, TAG_FRAME, TAG_PONG, TAG_NEW_SURFACE, TAG_DESTROY,
    TAG_DRAG, TAG_ACCEPT, TAG_RECEIVE, TAG_FINISH, TAG_DRAG_DONE, TAG_LEAVE,
    TAG_EXHAUST, TAG_HOSTILE, TAG_POISON,
    TAG_DECORATE, TAG_SHELL, TAG_RESIZE, TAG_RECONFIGURE, TAG_RETHEME, TAG_COPY, TAG_COPY_DONE, TAG_PASTE, TAG_PASTE_DONE,
};

/* ---- System calls: number in rax; arguments rdi rsi rdx r10 r8; result rax, negative = -error ---- */
enum syscall {
    SYS_EXIT = 0,        /* (status) */
    SYS_SEND = 1,        /* (buf, bytes <= BATCH_BYTES, handle or -1, tag, PACK(steps, rows)) blocks while the socket is full */
    SYS_RECEIVE = 2,     /* (buf, capacity, deadline_ns, i32 *handle) -> bytes; 0: deadline passed; *handle -1 or received */
    SYS_SHM_CREATE = 3,  /* (bytes, u64 *address) -> handle, mapped read-write */
    SYS_SHM_DESTROY = 4, /* (handle) unmaps and drops the client's reference */
    SYS_PIPE = 5,        /* (i32 handles[2]) read end, write end */
    SYS_PIPE_READ = 6,   /* (handle, buf, bytes) -> bytes, blocks; 0 when every write end is closed */
    SYS_PIPE_WRITE = 7,  /* (handle, buf, bytes) -> bytes, blocks while full */
    SYS_CLOSE = 8,       /* (handle) */
    SYS_YIELD = 9,
    SYS_MUTEX_LOCK = 10, /* (mutex) blocks while another process has it; a caller that would close a cycle is killed */
    SYS_MUTEX_UNLOCK = 11, /* (mutex) */
    SYS_SLEEP = 16,      /* (deadline_ns) */
    SYS_PUT = 17,        /* (name, buf, bytes <= RECORD_BYTES) record is in the cache; blocks while that has no room */
    SYS_GET = 18,        /* (name, buf, capacity) -> bytes */
    SYS_DELETE = 19,     /* (name) */
    SYS_FLUSH = 20,      /* (tag) blocks until all earlier puts and deletes are durable */
    SYS_MEMORY = 21,     /* (pages) maps that many more at the end of CLIENT_MEMORY; negative: unmaps -> pages held */
};
enum error { E_INVALID = 22, E_NO_MEMORY = 12, E_BAD_HANDLE = 9, E_CLOSED = 32, E_FULL = 11, E_BAD_ADDRESS = 14, E_NO_CALL = 38,
             E_NOT_FOUND = 2, E_IO = 5, E_NO_SPACE = 28 };
#define NAME_BYTES 24    /* of a record, NUL included */
#define RECORD_BYTES 4032
#define STRESS_SLOTS 256       /* records of a disk stressor, put in turn */
#define STRESS_FLUSH_EVERY 64  /* puts */
#define STORE_RECORD_BYTES 48 /* memory the store takes for each block of the disk: index entry ... */
#define PLACE_BYTES 20        /* ... and place; and for each block that the cache may hold */
#define BUFFER_BYTES 40
#define BATCH_BYTES 4096
#define PIPE_BYTES 4096
#define BLOCK_BYTES 4096
#define MAX_HANDLES 32
#define MAX_CLIENTS 1024
#define MAX_MUTEXES 64

/* ---- A client's configuration: read-only page in its address space ---------------------------- */
#define COMPUTE_TURN_NS 50000 /* a computing process pauses after each */
#define CLIENT_TEXT 0x400000ull
#define CLIENT_CONFIG 0x420000ull
#define CLIENT_EVENTS 0x420100ull /* in the same page */
#define CLIENT_TABLES 0x421000ull /* think table, then gap table; read-only */
#define CLIENT_SHM 0x600000ull
#define CLIENT_MEMORY 0x40000000ull /* SYS_MEMORY; shared memory stays below it */
#define CLIENT_STACK_TOP 0x440000ull

struct client_config {
    u64 seed;
    u64 end_ns;       /* leave at this time */
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
    u32 fault;        /* what has struck it: kind << 4 | variant, in a deadlock the pair's first client << 16; 0: nothing */
    u32 level_ppm;    /* stressors: present share of their load; the kernel changes it */
    u32 event_count;  /* entries at CLIENT_EVENTS: what the timeline wants of this client itself */
    u64 target_pages; /* stress_memory: to hold at full load */
    u32 decorated;    /* 1: the timeline changes its theme */
    u32 place;        /* in its group, from 0 */
    u32 stored;       /* 1: there is a store */
    u32 reserved;
};
#endif
