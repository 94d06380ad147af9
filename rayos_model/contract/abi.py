"""Layouts, enumerations and constants of `kernel/abi.h`, generated from it: do not edit.

    python -m tests.support.abi_generator

(`make abi`) writes this file anew. Over 450 lines, because it lists every member of the header. Must not know
what any of it is used for.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

ABI_VERSION: Final = 3
"""Of this whole file."""
IMAGE_MAGIC: Final = b"RAYOSIMG"
"""First bytes of a scenario image."""
QUANTILES: Final = 1025
"""Entries of a quantile table: entry i is the value at probability i / 1024."""
LOAD_STEPS: Final = 16
"""Most levels of a background load."""
VARIANT_ANY: Final = 0xFFFFFFFF
"""image_fault.variant: drawn at random for each fault."""
MAX_EVENTS: Final = 64
"""Most events of a timeline."""
FAULT_TARGET_HEAP: Final = 1024
"""In place of a client id: the fault strikes the kernel heap."""
FAULT_TARGET_NETWORK: Final = 1025
"""In place of a client id: the fault strikes the network."""
FAULT_TARGET_DISK: Final = 1026
"""In place of a client id: the fault strikes the disk."""
TRACE_HEADER_PHYS: Final = 0x7000
"""Physical address of struct trace_header."""
TRACE_MAGIC: Final = 0x45434152544F5952
"""trace_header.magic: "RYOTRACE"."""
INPUT_RANGE: Final = 0x7FFF
"""Largest coordinate of the tablet."""
STEP_PIXELS: Final = 32
"""Pixels per step of the drawing loops; a row of w pixels takes ROW_STEPS(w) steps."""
TRACE_WIRE: Final = 2
"""image_settings.trace_points: also keep the bytes on the wire."""
NAME_BYTES: Final = 24
"""Size of a record's name, NUL included."""
RECORD_BYTES: Final = 4032
"""Largest record of the store."""
STRESS_SLOTS: Final = 256
"""Records of a disk stressor, written in turn."""
STRESS_FLUSH_EVERY: Final = 64
"""Puts of a disk stressor between flushes."""
STORE_RECORD_BYTES: Final = 48
"""Memory of the store's index entry, per block of the disk."""
PLACE_BYTES: Final = 20
"""Memory of the store's allocation entry, per block of the disk."""
BUFFER_BYTES: Final = 40
"""Memory of a buffer head, per block of the cache's capacity."""
BATCH_BYTES: Final = 4096
"""Largest batch of requests."""
PIPE_BYTES: Final = 4096
"""Capacity of a pipe."""
BLOCK_BYTES: Final = 4096
"""Size of a disk block."""
MAX_HANDLES: Final = 32
"""Open handles per process."""
MAX_CLIENTS: Final = 1024
"""Clients of a scenario."""
MAX_MUTEXES: Final = 64
"""Mutexes shared by all processes."""
COMPUTE_TURN_NS: Final = 50000
"""CPU time after which a compute process pauses."""
CLIENT_TEXT: Final = 0x400000
"""Address of a client's program."""
CLIENT_CONFIG: Final = 0x420000
"""Address of its struct client_config, read-only."""
CLIENT_EVENTS: Final = 0x420100
"""Address of its timeline events, in the same page."""
CLIENT_TABLES: Final = 0x421000
"""Address of its think table, followed by its gap table; read-only."""
CLIENT_SHM: Final = 0x600000
"""Address of its first shared memory."""
CLIENT_MEMORY: Final = 0x40000000
"""Address of what SYS_MEMORY maps; shared memory stays below."""
CLIENT_STACK_TOP: Final = 0x440000
"""Address above its stack."""

IMAGE_HEADER: Final = struct.Struct("<8s8I")
"""First struct of a scenario image. `struct image_header`."""
IMAGE_HEADER_FIELDS: Final = (
    "magic",
    "version",  # ABI_VERSION
    "length",  # whole image, bytes
    "crc32",  # IEEE CRC-32 of bytes [sizeof header, length)
    "group_count",
    "table_count",
    "fault_count",
    "timeline_count",
    "reserved",
)

IMAGE_SETTINGS: Final = struct.Struct("<11Q18I64s")
"""Follows the header. `struct image_settings`."""
IMAGE_SETTINGS_FIELDS: Final = (
    "seed",
    "duration_ns",
    "quantum_ns",
    "repaint_window_ns",
    "ping_interval_ns",
    "hang_timeout_ns",
    "respawn_ns",  # delay from the loss of a client to its replacement; 0: not replaced
    "scrub_interval_ns",  # interval between checks of all red zones of the heap; 0: checked only by kfree
    "lock_timeout_ns",  # the owner of a contended mutex counts as hung after this hold time; 0: not watched
    "warmup_ns",  # latencies are recorded from this time on
    "power_cut_ns",  # power fails at this time, to test what is durable on the disk; 0: never
    "kind",  # enum scenario_kind
    "vcpus",
    "memory_mb",
    "width",  # pixels
    "height",
    "refresh_millihertz",
    "trace_points",  # 0: measurements only; 1: also points (kinds < 64); TRACE_WIRE: also the bytes on the wire
    "compositor_priority",
    "socket_bytes",  # capacity of each direction of a client's socket
    "provoke",  # enum provocation: a planted bug, to test the detectors; 0 in every ordinary run
    "client_memory_kb",  # limit of shared memory per client; 0: none
    "client_surfaces",  # limit of surfaces per client; 0: none
    "client_pools",  # limit of pools per client; 0: none
    "detectors_off",  # disabled detectors, bits 1 << enum detection, to prove that tests fail without them
    "input_source",  # enum input_source
    "jitter_seed",  # varies the length of each quantum, to explore interleavings; 0: exact quanta
    "ipi_delay_seed",  # delays inter-processor interrupts, to explore interleavings; 0: no delay
    "recorded",  # 1: QEMU records or replays this run, and delivers host input when a timer fires
    "name",  # NUL-terminated
)

IMAGE_LOAD: Final = struct.Struct("<2Q6I64s")
"""Follows the settings: background load; all zero: none. `struct image_load`."""
IMAGE_LOAD_FIELDS: Final = (
    "step_ns",  # duration of each step; 0: constant full load
    "latency_limit_ns",  # a second with a higher commit-to-present p99 lowers the load by one step; 0: no limit
    "step_count",  # used entries of steps_ppm; 0: constant full load
    "cpu_threads",  # computing ring-3 threads
    "cpu_priority",
    "memory_ppm",  # target memory utilisation, parts per million
    "disk_iops",  # requests per second
    "disk_depth",  # requests in flight
    "steps_ppm",  # levels in order of application: share of the full load, parts per million
)

IMAGE_DISK: Final = struct.Struct("<2Q4I")
"""Follows the load: the disk and its buffer cache; all zero: none. `struct image_disk`."""
IMAGE_DISK_FIELDS: Final = (
    "latency_ns",  # fixed part of the service time of each request
    "bytes_per_s",  # bandwidth of each channel, after the latency
    "mb",
    "channels",  # requests served in parallel; further ones queue, first come, first served
    "cache_pages",  # capacity of the buffer cache, blocks
    "reserved",
)

IMAGE_NETWORK: Final = struct.Struct("<3Q")
"""Follows the disk: the remote display session (remote/session.c); all zero: none. `struct image_network`."""
IMAGE_NETWORK_FIELDS: Final = (
    "heartbeat_ns",  # period of the server's updates
    "timeout_ns",  # time without an answer after which the session counts as lost
    "latency_ns",  # one-way latency of the network
)

IMAGE_GROUP: Final = struct.Struct("<4Q10IQ")
"""group_count of them follow the network. `struct image_group`."""
IMAGE_GROUP_FIELDS: Final = (
    "period_ns",  # 1 / rate; 0: the workload has no rate
    "start_ns",  # spawn time of the first client of the group
    "stagger_ns",  # delay between the spawns of successive clients
    "lifetime_ns",  # a client exits after this time and is spawned again; 0: runs to the end
    "first_client",
    "count",
    "workload",  # enum workload
    "priority",
    "surface_width",
    "surface_height",
    "damage_ppm",  # share of the surface's rows repainted per frame, parts per million
    "think_table",  # index of the quantile table of think times, ns
    "gap_table",  # index of the quantile table of gaps between actions, ns
    "transfer_bytes",  # drag_drop: size of the dropped data, at most PIPE_BYTES; clipboard: of the largest copy
    "reserved",
)

IMAGE_FAULT: Final = struct.Struct("<4Q6I")
"""fault_count of them follow the groups: sources of injected failures (docs/explanation/faults.md). `struct
image_fault`.
"""
IMAGE_FAULT_FIELDS: Final = (
    "start_ns",  # time of the only fault (period_ns 0), or start of the first period
    "end_ns",  # no fault at or after this time
    "period_ns",  # one fault per period, at a uniformly random instant; 0: a single fault at start_ns
    "duration_ns",  # of a network_partition or disk_outage
    "count",  # most faults from this source
    "kind",  # enum fault_kind
    "variant",  # of the kind; VARIANT_ANY: random
    "first_client",  # the target is drawn from this range of clients
    "client_count",
    "reserved",
)

IMAGE_EVENT: Final = struct.Struct("<Q4I")
"""Then timeline_count of these, in order of time; at most MAX_EVENTS. `struct image_event`."""
IMAGE_EVENT_FIELDS: Final = (
    "at_ns",
    "action",  # enum action
    "value",  # theme_change: decoration mode; resize: steps
    "first_client",  # the event applies to this range of clients
    "count",
)

TRACE_HEADER: Final = struct.Struct("<Q2I6Q8I")
"""At TRACE_HEADER_PHYS; the host drains the ring at each rendezvous. `struct trace_header`."""
TRACE_HEADER_FIELDS: Final = (
    "magic",
    "abi_version",
    "record_bytes",  # sizeof(struct trace_record)
    "ring_phys",  # physical address of record 0
    "ring_records",  # capacity, a power of two
    "head",  # records written so far; record i is at index i % ring_records
    "drained",  # head at the last completed rendezvous
    "epoch_tsc",
    "framebuffer_phys",  # physical address of the displayed buffer, XRGB8888
    "framebuffer_width",
    "framebuffer_height",
    "state",  # enum run_state
    "lost",  # records lost; a value other than 0 voids the run
    "request",  # enum host_request, carried out before the machine resumes from this rendezvous
    "request_x",
    "request_y",
    "reserved",
)

TRACE_RECORD: Final = struct.Struct("<2Q2I2H4B")
"""One entry of the trace ring, 32 bytes. `struct trace_record`."""
TRACE_RECORD_FIELDS: Final = (
    "time_ns",  # since the start of the scenario
    "arg",
    "subject",
    "cpu_ns",  # points: CPU time of this thread since its previous point; measurements: 0
    "kind",  # enum trace_kind
    "thread",  # enum thread_id, or THREAD_CLIENT0 + client id
    "cpu",
    "irqs",  # interrupts handled while this segment ran (saturating)
    "dispatches",  # dispatches of the thread within this segment (saturating)
    "sleepers",  # threads waiting for a deadline, at this record (saturating)
)

CLIENT_CONFIGURATION: Final = struct.Struct("<6Q12IQ4I")
"""Configuration of a client, at CLIENT_CONFIG. `struct client_config`."""
CLIENT_CONFIGURATION_FIELDS: Final = (
    "seed",
    "end_ns",  # time to exit
    "period_ns",
    "refresh_ns",  # display refresh period
    "epoch_tsc",  # clock: ns = (rdtsc - epoch_tsc) * tsc_mult >> 32
    "tsc_mult",
    "id",
    "generation",
    "workload",
    "surface_width",
    "surface_height",
    "damage_ppm",
    "transfer_bytes",
    "peer",  # drag_drop: client that receives the drop
    "provoke",  # enum provocation, for this client
    "fault",  # injected fault: kind << 4 | variant, in a deadlock the pair's first client << 16; 0: none
    "level_ppm",  # stressors: current share of their full load; the kernel changes it
    "event_count",  # entries at CLIENT_EVENTS: timeline events that this client carries out
    "target_pages",  # stress_memory: pages to hold at full load
    "decorated",  # 1: the timeline changes its theme
    "place",  # index in its group
    "stored",  # 1: there is a store
    "reserved",
)


class NetSide(IntEnum):
    """An end of the network. `enum net_side`."""

    SERVER = 0
    REMOTE = 1


class ScenarioKind(IntEnum):
    """The five families of scenarios. `enum scenario_kind`."""

    SOAK = 1
    STRESS = 2
    FAILURE = 3
    PERFORMANCE = 4
    INTEGRATION = 5


class InputSource(IntEnum):
    """Source of input events: the seat itself, or the host through the emulated input devices. `enum input_source`."""

    SEAT = 0
    DEVICE = 1


class Workload(IntEnum):
    """The program that a process runs. `enum workload`."""

    # clients of a group
    IDLE = 0
    RENDERING = 1
    INPUT = 2
    SURFACE_CREATION = 3
    DRAG_DROP = 4
    MEDIA = 5
    CLIPBOARD = 6
    EDITOR = 7
    SURGE = 8
    RESIZE = 9

    # background load, in no group
    STRESS_DISK = 16
    STRESS_MEMORY = 17
    COMPUTE = 32


class Action(IntEnum):
    """Action of a timeline event. The compositor carries out those before ACTION_MAXIMIZE; clients request the others.
    `enum action`.
    """

    THEME_CHANGE = 1
    CLOSE = 2
    RESTORE = 3
    MAXIMIZE = 4
    UNMAXIMIZE = 5
    FULLSCREEN = 6
    UNFULLSCREEN = 7
    MINIMIZE = 8
    RESIZE = 9
    SURGE = 10


class Provocation(IntEnum):
    """Planted bugs that prove the detectors; PROVOKE_NONE in every ordinary run. `enum provocation`."""

    NONE = 0
    PANIC = 1
    HANG = 2
    LEAK = 3
    CLIENT_FAULT = 4
    CLIENT_HANG = 5
    BAD_REQUEST = 6
    ORDER = 7
    RACE = 8
    LOST_WAKEUP = 9
    HASTE = 10
    EARLY_ACK = 11


class FaultKind(IntEnum):
    """Kind of an injected failure; the comments name its variants, numbered from 0. `enum fault_kind`."""

    CLIENT_CRASH = 1  # page fault, illegal instruction, kill
    MEMORY_CORRUPTION = 2  # a client writes past its buffer; an object of the kernel heap is overrun
    BUFFER_EXHAUSTION = 3  # a client allocates shared memory, surfaces, pools until refused
    EVENT_QUEUE_OVERFLOW = 4  # a client stops reading its events
    HANG = 5  # a client stops responding
    HOSTILE_CLIENT = 6  # a client sends fuzzed requests
    DEADLOCK = 7  # two clients lock two mutexes in opposite order
    NETWORK_PARTITION = 8  # the link is down for a time: the server's, the remote display's
    DISK_ERROR = 9  # the disk fails one read, one write, every write to one block
    DISK_OUTAGE = 10  # the disk fails for a time: all reads, all writes


class EndReason(IntEnum):
    """Why a client process ended. `enum end_reason`."""

    LEFT = 0  # it exited by itself, as planned or as asked
    FAULT = 1  # a processor fault
    KILLED = 2  # killed: hung, deadlocked, event queue overflow, or still alive after the end
    PROTOCOL = 3  # it exited when it was disconnected for a protocol error
    REFUSED = 4  # it gave up because a resource was refused: memory, handles, ids


class Detection(IntEnum):
    """How a failure was detected. `enum detection`."""

    CRASH = 1
    KILL = 2
    RED_ZONE = 3
    LIMIT = 4
    OVERFLOW = 5
    HANG = 6
    PROTOCOL = 7
    DEADLOCK = 8
    LINK_DOWN = 9
    HEARTBEAT = 10
    IO_ERROR = 11


class HostRequest(IntEnum):
    """Request of the guest to the host at a rendezvous. `enum host_request`."""

    NOTHING = 0
    MOTION = 1  # move the tablet to (x, y), 0 to INPUT_RANGE over the screen
    KEY = 2  # press (y = 1) or release (0) the key with Linux key code x
    LINK = 3  # take the link of network side x down (y = 0) or up (1)
    DISK = 4  # replace the disk's refusals by x, enum disk_refusal; y: the block, where there is one


class DiskRefusal(IntEnum):
    """Requests that the disk fails. A block once refused stays refused. `enum disk_refusal`."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    BLOCK = 3
    READS = 4
    WRITES = 5


class RunState(IntEnum):
    """Progress of a run, as the host sees it. `enum run_state`."""

    BOOT = 0
    RUNNING = 1
    DONE = 2
    PANIC = 3
    POWER_CUT = 4


class ThreadId(IntEnum):
    """Numbers of the kernel threads; client threads follow from THREAD_CLIENT0 on. `enum thread_id`."""

    IDLE = 0
    REPORTER = 1
    COMPOSITOR = 2
    LAUNCHER = 3
    INJECTOR = 4
    DISK = 5
    NETWORK = 6
    CLIENT0 = 16


class TraceKind(IntEnum):
    """Kind of a trace record. A point (P_, below 64) ends a segment of its thread's control flow
    (docs/explanation/mechanism.md): the order of points is the contract between kernel and model. A measurement (M_)
    carries a result. PACK(low, high) fills both halves of arg. `enum trace_kind`.
    """

    # any thread
    P_BLOCK = 1  # gives up the CPU to wait; subject ns for which it has held the kernel lock
    P_EXIT = 2

    # client threads
    P_ENTER = 3  # entered send(); subject tag, arg PACK(steps, rows) drawn since the last call
    P_SEND = 4  # batch is in the socket; subject tag, arg bytes
    P_RECEIVE = 5  # recv() copied data out; subject queue-writes consumed, arg bytes
    P_WAKE = 6  # recv() passed its deadline with no data
    P_SHM = 7  # shm_create() done; arg pages
    P_SHM_FREE = 8  # shm_destroy() done; arg pages
    P_PIPE = 9  # pipe() done
    P_PIPE_IO = 10  # pipe read/write/close done; subject 0 read, 1 write, 2 close; arg bytes
    P_FIRST = 11  # first entry to ring 3
    P_LOCK = 12  # acquired a mutex; subject mutex
    P_UNLOCK = 13  # released a mutex; subject mutex
    P_CALL = 14  # entered put()

    # compositor
    P_TAKE = 16  # took one batch from a client; subject client, arg bytes
    P_REQUEST = 17  # handled one request; subject client, arg PACK(REQUEST_ID(interface, opcode), bytes)
    P_EVENTS = 18  # one queue-write; subject client, arg QUEUED(bytes, events, ns of kernel lock so far)
    P_COMPOSITE = 19  # one composite pass; subject blits | rectangles << 16, arg PAINTED(steps, rows, groups)
    P_FLIP = 20  # one page flip; subject surfaces newly shown, arg pages of shared memory freed
    P_VBLANK = 21  # vblank handled without a flip
    P_INPUT = 22  # seat produced an input event; subject client, arg events written
    P_PING = 23  # ping round; subject clients pinged
    P_DISCONNECT = 24  # a client's objects destroyed; subject client
    P_DRAG = 25  # one step of a drag; subject client, arg step
    P_REPAINT = 26  # repaint time reached: a composite pass begins, or there is no damage
    P_DEVICE = 27  # an input device delivered a report; subject client

    # launcher and reporter
    P_SPAWN = 32  # process created; subject 0: a client, 1: background load; arg its id
    P_REAP = 33  # process freed; subject client, arg pages
    P_SNAPSHOT = 34  # snapshot of a second printed
    P_PROFILE = 35  # memory profile of a second printed; kind performance

    # launcher and injector
    P_RECOVER = 36  # launcher: replacement of a lost client scheduled; subject client
    P_INJECT = 37  # injector: a fault struck; subject client, arg kind << 4 | variant
    P_REPORT = 38  # injector: one line printed; subject enum report
    P_SCRUB = 39  # injector: red zones checked; arg objects

    # store (any process) and disk thread
    P_PUT = 40  # record stored in the cache; arg bytes
    P_GET = 41  # record found in the cache and copied out; arg bytes
    P_DELETE = 42
    P_DURABLE = 43  # flush acknowledged
    P_MEMORY = 44  # subject 0 mapped, 1 unmapped, 2 refused; arg pages (2: mapped before, and returned)
    P_DISK_SUBMIT = 45  # one request submitted; subject operation
    P_DISK_DONE = 46  # one request completed; subject operation, arg blocks released by a flush
    P_DISK_NOTIFY = 47  # the device was notified

    # network thread; subject enum net_side
    P_NET_SEND = 48  # one frame passed to the device; arg bytes
    P_NET_RECEIVE = 49  # one delivery handled; arg bytes, 0: nothing arrived

    # compositor, continued
    P_ACTION = 50  # carried out an event of the timeline; subject enum action, arg clients affected
    P_RESIZE = 51  # one step of an interactive resize; subject client, arg step
    P_MARKER = 52  # printed a milestone; arg letters of the event's name
    P_LINK = 53  # network: link change or timeout detected; injector: link restored
    P_MEND = 54  # injector: end of a disk outage

    # measurements: subject client, arg ns, unless stated otherwise
    M_COMMIT_TO_PRESENT = 64
    M_BUFFER_COMMIT = 65
    M_EVENT_DELIVERY = 66  # one per queue-write
    M_CLIENT_CREATION = 67
    M_INPUT_ROUND_TRIP = 68
    M_COMPOSITION = 69
    M_FLIP = 70  # arg vblank index
    M_DROPPED = 71  # arg vblank index
    M_IDLE = 72  # arg idle ns of the second, all vCPUs; at each snapshot
    M_PAGES = 73  # arg pages in use, subject page allocations so far; at each snapshot
    M_HEAP = 74  # arg heap bytes in use, subject objects allocated so far; at each snapshot
    M_PAGES_PEAK = 75  # arg peak of pages in use; once, at the end
    # arg ns from a timer deadline on an idle CPU to the scheduler; the switch follows. Subject ns from the block that
    # left it idle to the release of the kernel lock
    M_TIMER = 76
    M_CLIENT_CREATED = 77  # arg generation
    M_CLIENT_DESTROYED = 78  # arg enum end_reason
    M_PROTOCOL_ERROR = 79  # arg code
    M_HANG = 80  # arg ns since the unanswered ping
    M_CRASH = 81  # arg fault vector
    M_LEAK = 82  # subject heap bytes, arg pages, not returned; once, at the end (0 when clean)
    M_BASELINE = 83  # arg pages in use before the first client; subject heap bytes; once, at start
    M_FREE_BLOCK = 84  # arg pages of the largest free block, subject free pages; at each snapshot

    # faults: subject FAULT_SUBJECT; a failure that was not injected has kind 0
    M_FAULT_INJECTED = 85  # arg variant
    M_FAULT_DETECTED = 86  # arg ns since injection
    M_FAULT_RECOVERED = 87  # arg ns since injection, or since the end of a fault with a duration; only in time

    # at each snapshot, of its second: subject PACK8(lock id, count), arg PACK(total, longest) ns, saturating
    M_LOCK_HOLD = 96  # acquisitions of a lock, and its hold times
    M_LOCK_WAIT = 97  # contended acquisitions, and their wait times; no record where there were none
    M_READY_WAIT = 98  # subject dispatches of threads, arg PACK of times from ready to running

    # disk, store, memory stress
    M_DISK_REQUEST = 100  # a request completed; subject block << 2 | operation (0 read, 1 write, 2 flush), arg ns
    M_DISK_RETRY = 101  # a failed request is retried; subject block, arg operation
    M_DISK_ERROR = 102  # a request failed permanently; subject block, arg operation
    M_CORRUPT = 103  # a block differs from what was written; subject block
    M_CACHE = 104  # subject hits, arg misses of the second; at each snapshot
    M_CACHE_PAGES = 105  # subject dirty blocks, arg pages of the buffer cache; at each snapshot
    M_RECLAIM = 106  # arg pages reclaimed from the buffer cache under memory pressure
    M_REFUSED = 107  # a process was refused memory; subject client, arg pages it holds
    M_DURABLE = 108  # a flush was acknowledged; subject client, arg its tag
    M_VERIFIED = 109  # written by the host after the run: subject corrupt blocks, arg intact blocks
    M_MARKER = 110  # a RAYOS_INTEGRATION line was printed; subject number of lines before it
    M_PRESENTATION_JITTER = 111  # media: deviation of the interval between two presentations from the period
    M_CONFIGURE = 112  # from sending configure to the flip that shows the configured surface
    M_REMOTE_UPDATE = 113  # the remote display shows an update; subject its number, arg ns since it was sent
    M_STORE_ERROR = 114  # a store call failed with E_IO; arg the call

    # bytes on the wire, only with trace_points TRACE_WIRE: subject client, arg the size, then 8 bytes per record
    W_REQUESTS = 120
    W_EVENTS = 121


class Report(IntEnum):
    """A line that the injector prints. `enum report`."""

    INJECT = 0
    DETECTED = 1
    RECOVERY_START = 2
    RECOVERY_COMPLETE = 3


class Interface(IntEnum):
    """Wayland interfaces, for REQUEST_ID; opcodes are those of the published XML. `enum wayland_interface`."""

    WL_DISPLAY = 1
    WL_REGISTRY = 2
    WL_CALLBACK = 3
    WL_COMPOSITOR = 4
    WL_SHM_POOL = 5
    WL_SHM = 6
    WL_BUFFER = 7
    WL_DATA_OFFER = 8
    WL_DATA_SOURCE = 9
    WL_DATA_DEVICE = 10
    WL_DATA_DEVICE_MANAGER = 11
    WL_SURFACE = 12
    WL_SEAT = 13
    WL_POINTER = 14
    WL_KEYBOARD = 15
    WL_OUTPUT = 16
    WL_REGION = 17
    XDG_WM_BASE = 18
    XDG_POSITIONER = 19
    XDG_SURFACE = 20
    XDG_TOPLEVEL = 21
    ZXDG_DECORATION_MANAGER_V1 = 22
    ZXDG_TOPLEVEL_DECORATION_V1 = 23


class BatchTag(IntEnum):
    """Purpose of a batch of requests: the tag a client passes to send(). `enum batch_tag`."""

    REGISTRY = 1
    BIND = 2
    ACK = 3
    FIRST = 4
    FRAME = 5
    PONG = 6
    NEW_SURFACE = 7
    DESTROY = 8
    DRAG = 9
    ACCEPT = 10
    RECEIVE = 11
    FINISH = 12
    DRAG_DONE = 13
    LEAVE = 14
    EXHAUST = 15
    HOSTILE = 16
    POISON = 17
    DECORATE = 18
    SHELL = 19
    RESIZE = 20
    RECONFIGURE = 21
    RETHEME = 22
    COPY = 23
    COPY_DONE = 24
    PASTE = 25
    PASTE_DONE = 26


class Syscall(IntEnum):
    """Number in rax; arguments in rdi, rsi, rdx, r10, r8; result in rax, negative: -error. `enum syscall`."""

    EXIT = 0  # (status)
    SEND = 1  # (buf, bytes <= BATCH_BYTES, handle or -1, tag, PACK(steps, rows)); blocks while full
    RECEIVE = 2  # (buf, capacity, deadline_ns, i32 *handle: received or -1) -> bytes; 0: deadline passed
    SHM_CREATE = 3  # (bytes, u64 *address) -> handle, mapped read-write
    SHM_DESTROY = 4  # (handle) unmaps and drops the client's reference
    PIPE = 5  # (i32 handles[2]) read end, write end
    PIPE_READ = 6  # (handle, buf, bytes) -> bytes; blocks; 0 when every write end is closed
    PIPE_WRITE = 7  # (handle, buf, bytes) -> bytes; blocks while the pipe is full
    CLOSE = 8  # (handle)
    YIELD = 9
    MUTEX_LOCK = 10  # (mutex) blocks while owned by another process; kills a caller that would deadlock
    MUTEX_UNLOCK = 11  # (mutex)
    SLEEP = 16  # (deadline_ns)
    PUT = 17  # (name, buf, bytes <= RECORD_BYTES) stores in the cache; blocks while it is full
    GET = 18  # (name, buf, capacity) -> bytes
    DELETE = 19  # (name)
    FLUSH = 20  # (tag) blocks until all earlier puts and deletes are durable
    MEMORY = 21  # (pages) maps more pages at the end of CLIENT_MEMORY, unmaps if negative -> pages held


class ErrorCode(IntEnum):
    """Error codes of system calls. `enum error`."""

    NOT_FOUND = 2
    IO = 5
    BAD_HANDLE = 9
    FULL = 11
    NO_MEMORY = 12
    BAD_ADDRESS = 14
    INVALID = 22
    NO_SPACE = 28
    CLOSED = 32
    NO_CALL = 38
