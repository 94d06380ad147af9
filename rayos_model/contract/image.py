"""The scenario image: a scenario in the layout of `kernel/abi.h`, from which both kernel and model start.

Must not know scenario files.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import astuple, dataclass

from rayos_model.contract import abi, macros


@dataclass(frozen=True, slots=True)
class Settings:
    """`struct image_settings`; fields in its order, documented in kernel/abi.h."""

    seed: int
    duration_ns: int
    quantum_ns: int
    repaint_window_ns: int
    ping_interval_ns: int
    hang_timeout_ns: int
    respawn_ns: int
    scrub_interval_ns: int
    lock_timeout_ns: int
    warmup_ns: int
    power_cut_ns: int
    kind: int
    vcpus: int
    memory_mb: int
    width: int
    height: int
    refresh_millihertz: int
    trace_points: int
    compositor_priority: int
    socket_bytes: int
    provoke: int
    client_memory_kb: int
    client_surfaces: int
    client_pools: int
    detectors_off: int
    input_source: int
    jitter_seed: int
    ipi_delay_seed: int
    recorded: int
    name: str


@dataclass(frozen=True, slots=True)
class Load:
    """`struct image_load`; fields in its order. `steps_ppm` has one level per step."""

    step_ns: int = 0
    latency_limit_ns: int = 0
    cpu_threads: int = 0
    cpu_priority: int = 0
    memory_ppm: int = 0
    disk_iops: int = 0
    disk_depth: int = 0
    steps_ppm: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """The bytes of the struct."""
        steps = struct.pack(f"<{abi.LOAD_STEPS}I", *self.steps_ppm, *[0] * (abi.LOAD_STEPS - len(self.steps_ppm)))
        *times, threads, priority, memory, iops, depth, _ = astuple(self)
        return abi.IMAGE_LOAD.pack(*times, len(self.steps_ppm), threads, priority, memory, iops, depth, steps)


@dataclass(frozen=True, slots=True)
class Disk:
    """`struct image_disk`; fields in its order. All zero: no disk."""

    latency_ns: int = 0
    bytes_per_s: int = 0
    mb: int = 0
    channels: int = 0
    cache_pages: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """`struct image_network`; fields in its order. All zero: no network."""

    heartbeat_ns: int = 0
    timeout_ns: int = 0
    latency_ns: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """`struct image_group`; fields in its order. Tables are indices into `Image.tables`."""

    period_ns: int
    start_ns: int
    stagger_ns: int
    lifetime_ns: int
    first_client: int
    count: int
    workload: int
    priority: int
    surface_width: int
    surface_height: int
    damage_ppm: int
    think_table: int
    gap_table: int
    transfer_bytes: int


@dataclass(frozen=True, slots=True)
class Fault:
    """`struct image_fault`; fields in its order."""

    start_ns: int
    end_ns: int
    period_ns: int
    duration_ns: int
    count: int
    kind: int
    variant: int
    first_client: int
    client_count: int


@dataclass(frozen=True, slots=True)
class Event:
    """`struct image_event`; fields in its order."""

    at_ns: int
    action: int
    value: int
    first_client: int
    count: int

    def concerns(self, client: int) -> bool:
        """Whether the event applies to this client."""
        return self.first_client <= client < self.first_client + self.count


@dataclass(frozen=True, slots=True)
class Image:
    """A complete image. Events are in order of time; each table has `QUANTILES` quantiles, ns."""

    settings: Settings
    load: Load
    disk: Disk
    network: Network
    groups: tuple[Group, ...]
    faults: tuple[Fault, ...]
    events: tuple[Event, ...]
    tables: tuple[tuple[int, ...], ...]

    @property
    def client_count(self) -> int:
        """Number of clients in all groups."""
        return sum(group.count for group in self.groups)

    def group_of(self, client: int) -> Group:
        """The group of a client id. Raises `IndexError` beyond the last client."""
        for group in self.groups:
            if group.first_client <= client < group.first_client + group.count:
                return group
        raise IndexError(f"no client {client}")

    def pack(self) -> bytes:
        """The bytes that the kernel reads through fw_cfg."""
        settings = astuple(self.settings)
        body = abi.IMAGE_SETTINGS.pack(*settings[:-1], self.settings.name.encode("ascii"))
        body += self.load.pack()
        body += abi.IMAGE_DISK.pack(*astuple(self.disk), 0)
        body += abi.IMAGE_NETWORK.pack(*astuple(self.network))
        body += b"".join(abi.IMAGE_GROUP.pack(*astuple(group), 0) for group in self.groups)
        body += b"".join(abi.IMAGE_FAULT.pack(*astuple(fault), 0) for fault in self.faults)
        body += b"".join(abi.IMAGE_EVENT.pack(*astuple(event)) for event in self.events)
        body += b"".join(struct.pack(f"<{abi.QUANTILES}Q", *table) for table in self.tables)
        length = abi.IMAGE_HEADER.size + len(body)
        counts = len(self.groups), len(self.tables), len(self.faults), len(self.events), 0
        return abi.IMAGE_HEADER.pack(abi.IMAGE_MAGIC, abi.ABI_VERSION, length, zlib.crc32(body), *counts) + body


def parse_image(data: bytes) -> Image:
    """Parse an image. Raises `ValueError` when magic, version, length or CRC is wrong."""
    if len(data) < abi.IMAGE_HEADER.size:
        raise ValueError(f"image of {len(data)} bytes is shorter than its header")
    magic, version, length, crc, group_count, table_count, fault_count, event_count, _ = abi.IMAGE_HEADER.unpack_from(
        data
    )
    if magic != abi.IMAGE_MAGIC:
        raise ValueError(f"image magic is {magic!r}")
    if version != abi.ABI_VERSION:
        raise ValueError(f"image version is {version}, expected {abi.ABI_VERSION}")
    load_at = abi.IMAGE_HEADER.size + abi.IMAGE_SETTINGS.size
    disk_at = load_at + abi.IMAGE_LOAD.size
    network_at = disk_at + abi.IMAGE_DISK.size
    groups_at = network_at + abi.IMAGE_NETWORK.size
    faults_at = groups_at + group_count * abi.IMAGE_GROUP.size
    events_at = faults_at + fault_count * abi.IMAGE_FAULT.size
    tables_at = events_at + event_count * abi.IMAGE_EVENT.size
    if not length == len(data) == tables_at + table_count * abi.QUANTILES * 8:
        raise ValueError(f"image length is {len(data)}, header says {length}")
    if zlib.crc32(data[abi.IMAGE_HEADER.size :]) != crc:
        raise ValueError("image CRC does not match")
    settings = macros.as_dict(abi.IMAGE_SETTINGS, abi.IMAGE_SETTINGS_FIELDS, data, abi.IMAGE_HEADER.size)
    settings["name"] = settings["name"].rstrip(b"\0").decode("ascii")
    load = macros.as_dict(abi.IMAGE_LOAD, abi.IMAGE_LOAD_FIELDS, data, load_at)
    steps = struct.unpack(f"<{abi.LOAD_STEPS}I", load.pop("steps_ppm"))
    load["steps_ppm"] = steps[: load.pop("step_count")]
    disk = Disk(*abi.IMAGE_DISK.unpack_from(data, disk_at)[:-1])
    network = Network(*abi.IMAGE_NETWORK.unpack_from(data, network_at))
    groups = [
        Group(*abi.IMAGE_GROUP.unpack_from(data, groups_at + i * abi.IMAGE_GROUP.size)[:-1]) for i in range(group_count)
    ]
    faults = [
        Fault(*abi.IMAGE_FAULT.unpack_from(data, faults_at + i * abi.IMAGE_FAULT.size)[:-1]) for i in range(fault_count)
    ]
    events = [
        Event(*abi.IMAGE_EVENT.unpack_from(data, events_at + i * abi.IMAGE_EVENT.size)) for i in range(event_count)
    ]
    layout = struct.Struct(f"<{abi.QUANTILES}Q")
    tables = [layout.unpack_from(data, tables_at + i * layout.size) for i in range(table_count)]
    lists = (tuple(groups), tuple(faults), tuple(events), tuple(tables))
    return Image(Settings(**settings), Load(**load), disk, network, *lists)
