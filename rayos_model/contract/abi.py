"""Mirror of `kernel/abi.h` for the host: enumerations, struct layouts, constants; `tests/test_abi.py` compares them.

Must not know what any of it is used for.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, Final

ABI_VERSION: Final = 3

IMAGE_MAGIC: Final = b"RAYOSIMG"
QUANTILES: Final = 1025
FW_CFG_SCENARIO: Final = "opt/rayos/scenario"

TRACE_HEADER_PHYS: Final = 0x7000
TRACE_MAGIC: Final = 0x45434152544F5952

BATCH_BYTES: Final = 4096
PIPE_BYTES: Final = 4096
BLOCK_BYTES: Final = 4096
STORE_RECORD_BYTES: Final = 48
PLACE_BYTES: Final = 20
BUFFER_BYTES: Final = 40
NAME_BYTES: Final = 24
RECORD_BYTES: Final = 4032
STRESS_SLOTS: Final = 256
STRESS_FLUSH_EVERY: Final = 64
MAX_HANDLES: Final = 32
MAX_CLIENTS: Final = 1024
MAX_MUTEXES: Final = 64
MAX_EVENTS: Final = 64
TRACE_WIRE: Final = 2
LOAD_STEPS: Final = 16
COMPUTE_TURN_NS: Final = 50_000
CLIENT_TEXT: Final = 0x400000
CLIENT_CONFIG: Final = 0x420000
CLIENT_EVENTS: Final = 0x420100
CLIENT_TABLES: Final = 0x421000
CLIENT_SHM: Final = 0x600000
CLIENT_MEMORY: Final = 0x40000000
CLIENT_STACK_TOP: Final = 0x440000

PAGE_KB: Final = 4
"""Size of a memory page, kB (1 kB = 1024 bytes)."""

IMAGE_HEADER: Final = struct.Struct("<8s8I")
IMAGE_HEADER_FIELDS: Final = (
    *("magic", "version", "length", "crc32", "group_count", "table_count", "fault_count"),
    *("timeline_count", "reserved"),
)
IMAGE_SETTINGS: Final = struct.Struct("<11Q18I64s")
IMAGE_SETTINGS_FIELDS: Final = (
    *("seed", "duration_ns", "quantum_ns", "repaint_window_ns", "ping_interval_ns", "hang_timeout_ns"),
    *("respawn_ns", "scrub_interval_ns", "lock_timeout_ns", "warmup_ns", "power_cut_ns"),
    *("kind", "vcpus", "memory_mb", "width", "height", "refresh_mhz", "trace_points", "compositor_priority"),
    *("socket_bytes", "provoke", "client_memory_kb", "client_surfaces", "client_pools", "detectors_off"),
    *("input_source", "jitter_seed", "ipi_delay_seed", "recorded", "name"),
)
IMAGE_LOAD: Final = struct.Struct("<2Q6I64s")
IMAGE_LOAD_FIELDS: Final = (
    *("step_ns", "latency_limit_ns", "step_count", "cpu_threads", "cpu_priority", "memory_ppm", "disk_iops"),
    *("disk_depth", "steps_ppm"),
)
IMAGE_DISK: Final = struct.Struct("<2Q4I")
IMAGE_DISK_FIELDS: Final = ("latency_ns", "bytes_per_s", "mb", "channels", "cache_pages", "reserved")
IMAGE_NETWORK: Final = struct.Struct("<3Q")
IMAGE_NETWORK_FIELDS: Final = ("heartbeat_ns", "timeout_ns", "latency_ns")
IMAGE_GROUP: Final = struct.Struct("<4Q10IQ")
IMAGE_GROUP_FIELDS: Final = (
    *("period_ns", "start_ns", "stagger_ns", "lifetime_ns", "first_client", "count", "workload", "priority"),
    *("surface_width", "surface_height", "damage_ppm", "think_table", "gap_table", "transfer_bytes", "reserved"),
)
IMAGE_FAULT: Final = struct.Struct("<4Q6I")
IMAGE_FAULT_FIELDS: Final = (
    *("start_ns", "end_ns", "period_ns", "duration_ns", "count", "kind", "variant", "first_client", "client_count"),
    "reserved",
)
VARIANT_ANY: Final = 0xFFFFFFFF
FAULT_TARGET_HEAP: Final = MAX_CLIENTS
FAULT_TARGET_NETWORK: Final = MAX_CLIENTS + 1
FAULT_TARGET_DISK: Final = MAX_CLIENTS + 2
IMAGE_EVENT: Final = struct.Struct("<Q4I")
IMAGE_EVENT_FIELDS: Final = ("at_ns", "action", "value", "first_client", "count")
TRACE_HEADER: Final = struct.Struct("<Q2I6Q8I")
TRACE_HEADER_FIELDS: Final = (
    *("magic", "abi_version", "record_bytes", "ring_phys", "ring_records", "head", "drained", "epoch_tsc"),
    *("framebuffer_phys", "framebuffer_width", "framebuffer_height", "state", "lost"),
    *("request", "request_x", "request_y", "reserved"),
)
CLIENT_CONFIGURATION: Final = struct.Struct("<6Q12IQ4I")
CLIENT_CONFIGURATION_FIELDS: Final = (
    *("seed", "end_ns", "period_ns", "refresh_ns", "epoch_tsc", "tsc_mult", "id", "generation", "workload"),
    *("surface_width", "surface_height", "damage_ppm", "transfer_bytes", "peer", "provoke", "fault", "level_ppm"),
    *("event_count", "target_pages", "decorated", "place", "stored", "reserved"),
)


class ScenarioKind(IntEnum):
    SOAK = 1
    STRESS = 2
    FAILURE = 3
    PERFORMANCE = 4
    INTEGRATION = 5


class Workload(IntEnum):
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
    STRESS_DISK = 16
    STRESS_MEMORY = 17
    COMPUTE = 32


class Action(IntEnum):
    """What an event of the timeline is; from MAXIMIZE on, the clients do it themselves."""

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
    """Planted faults that prove the detectors; NONE in every ordinary run."""

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
    """What an injected failure is; variants are numbered from 0 in each kind."""

    CLIENT_CRASH = 1
    MEMORY_CORRUPTION = 2
    BUFFER_EXHAUSTION = 3
    EVENT_QUEUE_OVERFLOW = 4
    HANG = 5
    HOSTILE_CLIENT = 6
    DEADLOCK = 7
    NETWORK_PARTITION = 8
    DISK_ERROR = 9
    DISK_OUTAGE = 10


class Detection(IntEnum):
    """How a failure was noticed."""

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


class Report(IntEnum):
    """A line of the failure family."""

    INJECT = 0
    DETECTED = 1
    RECOVERY_START = 2
    RECOVERY_COMPLETE = 3


class NetSide(IntEnum):
    """An end of the network."""

    SERVER = 0
    REMOTE = 1


class InputSource(IntEnum):
    SEAT = 0
    DEVICE = 1


class HostRequest(IntEnum):
    """What the guest asks the host for at a rendezvous."""

    NOTHING = 0
    MOTION = 1
    KEY = 2
    LINK = 3
    DISK = 4


class DiskRefusal(IntEnum):
    """What the disk is to refuse."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    BLOCK = 3
    READS = 4
    WRITES = 5


class RunState(IntEnum):
    BOOT = 0
    RUNNING = 1
    DONE = 2
    PANIC = 3
    POWER_CUT = 4


class ThreadId(IntEnum):
    IDLE = 0
    REPORTER = 1
    COMPOSITOR = 2
    LAUNCHER = 3
    INJECTOR = 4
    DISK = 5
    NETWORK = 6
    CLIENT0 = 16


class Interface(IntEnum):
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
    """What a batch of requests is for."""

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
    EXIT = 0
    SEND = 1
    RECEIVE = 2
    SHM_CREATE = 3
    SHM_DESTROY = 4
    PIPE = 5
    PIPE_READ = 6
    PIPE_WRITE = 7
    CLOSE = 8
    YIELD = 9
    MUTEX_LOCK = 10
    MUTEX_UNLOCK = 11
    SLEEP = 16
    PUT = 17
    GET = 18
    DELETE = 19
    FLUSH = 20
    MEMORY = 21


def request_id(interface: int, opcode: int) -> int:
    """`REQUEST_ID`: an interface and an opcode of its published XML as one number."""
    return interface << 8 | opcode


def fault_subject(target: int, kind: int) -> int:
    """`FAULT_SUBJECT`: the target (a client id, or `FAULT_TARGET_…`) and kind of a fault as one number."""
    return target | kind << 16


def as_dict(layout: struct.Struct, fields: tuple[str, ...], data: bytes, offset: int = 0) -> dict[str, Any]:
    """One C struct as field name → value. Raises `struct.error` when `data` is too short."""
    return dict(zip(fields, layout.unpack_from(data, offset), strict=True))
