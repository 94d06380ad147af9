"""The scenario image: a scenario compiled to the layout of `kernel/abi.h`; what kernel and model both start from."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass

from rayos_model import abi
from rayos_model.abi import Action, Detection, FaultKind, InputSource, Provocation, ScenarioKind, Workload
from rayos_model.distribution import Distribution
from rayos_model.faults import FAULT_VARIANTS
from rayos_model.scenario import NS, Scenario


@dataclass(frozen=True, slots=True)
class Settings:
    """`struct image_settings`; fields in its order."""

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
    refresh_mhz: int
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
    """`struct image_load`; fields in its order. `steps_ppm` holds as many levels as there are steps."""

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
    """`struct image_disk`; fields in its order. All zero: there is no disk."""

    latency_ns: int = 0
    bytes_per_s: int = 0
    mb: int = 0
    channels: int = 0
    cache_pages: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """`struct image_network`; fields in its order. All zero: there is no network."""

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
        """Whether it is about this client."""
        return self.first_client <= client < self.first_client + self.count


@dataclass(frozen=True, slots=True)
class Image:
    """A whole image; events in order of time; a table is 1025 quantiles, ns."""

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
        """Clients over all groups."""
        return sum(group.count for group in self.groups)

    def group_of(self, client: int) -> Group:
        """The group a client id belongs to. Raises `IndexError` beyond the last client."""
        for group in self.groups:
            if group.first_client <= client < group.first_client + group.count:
                return group
        raise IndexError(f"no client {client}")

    def pack(self) -> bytes:
        """The bytes the kernel reads through fw_cfg."""
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


def build_image(
    scenario: Scenario,
    trace_points: int = False,
    provoke: Provocation = Provocation.NONE,
    detectors_off: Collection[Detection] = (),
    power_cut_ns: int = 0,
    recorded: bool = False,
) -> Image:
    """Compile a scenario. `trace_points` keeps every control-flow point in the trace; `abi.TRACE_WIRE` the wire too.

    `detectors_off` blinds detectors, which proves that a test that relies on them can fail. `power_cut_ns` is when the
    machine stops for good, so that a test can look at what the disk then holds; 0: it does not. `recorded`: QEMU
    records or replays the run.
    """
    tables: dict[tuple[int, ...], int] = {}

    def table(distribution: Distribution) -> int:
        return tables.setdefault(distribution.table(), len(tables))

    groups = []
    first = 0
    for group in scenario.clients:
        groups.append(
            Group(
                period_ns=_period_ns(group.rate),
                start_ns=round(group.start_s * NS),
                stagger_ns=round(group.stagger_ms * 1e6),
                lifetime_ns=round(group.lifetime_s * NS) if group.lifetime_s else 0,
                first_client=first,
                count=group.count,
                workload=Workload[group.workload.upper()],
                priority=group.priority,
                surface_width=group.surface[0],
                surface_height=group.surface[1],
                damage_ppm=round(group.damage_share * 1e6),
                think_table=table(group.think),
                gap_table=table(group.gap_or_default),
                transfer_bytes=group.transfer_bytes,
            )
        )
        first += group.count
    machine, display = scenario.machine, scenario.display
    settings = Settings(
        seed=scenario.seed,
        duration_ns=scenario.duration_ns,
        quantum_ns=machine.quantum_us * 1000,
        repaint_window_ns=display.repaint_window_us * 1000,
        ping_interval_ns=round(machine.ping_interval_s * NS),
        hang_timeout_ns=round(machine.hang_timeout_s * NS),
        respawn_ns=round(machine.respawn_ms * 1e6) if scenario.kind == "failure" else 0,
        scrub_interval_ns=round(machine.scrub_interval_ms * 1e6),
        lock_timeout_ns=round(machine.lock_timeout_s * NS),
        warmup_ns=scenario.warmup_ns,
        power_cut_ns=power_cut_ns,
        kind=ScenarioKind[scenario.kind.upper()],
        vcpus=machine.vcpus,
        memory_mb=machine.memory_mb,
        width=display.width,
        height=display.height,
        refresh_mhz=scenario.refresh_mhz,
        trace_points=int(trace_points),
        compositor_priority=machine.compositor_priority,
        socket_bytes=machine.socket_bytes,
        provoke=provoke,
        client_memory_kb=scenario.limits.client_memory_kb,
        client_surfaces=scenario.limits.client_surfaces,
        client_pools=scenario.limits.client_pools,
        detectors_off=sum(1 << detector for detector in set(detectors_off)),
        input_source=InputSource[scenario.input.source.upper()],
        jitter_seed=machine.jitter_seed,
        ipi_delay_seed=machine.ipi_delay_seed,
        recorded=int(recorded),
        name=scenario.name,
    )
    lists = (tuple(groups), tuple(_faults(scenario)), _events(scenario, groups), tuple(tables))
    return Image(settings, _load(scenario), _disk(scenario), _network(scenario), *lists)


def _faults(scenario: Scenario) -> Iterator[Fault]:
    """The sources of faults; a target range is a client, a group or everybody."""
    for fault in scenario.faults:
        first, count = scenario.targets(fault)
        variants = FAULT_VARIANTS[fault.kind]
        start_s, end_s = scenario.fault_window(fault)
        yield Fault(
            start_ns=round(start_s * NS),
            end_ns=round(end_s * NS),
            period_ns=_period_ns(fault.rate_hz or 0),
            duration_ns=round((fault.duration_s or 0) * NS),
            count=fault.count,
            kind=FaultKind[fault.kind.upper()],
            variant=abi.VARIANT_ANY if fault.variant is None else variants.index(fault.variant),
            first_client=first,
            client_count=count,
        )


def _events(scenario: Scenario, groups: Sequence[Group]) -> tuple[Event, ...]:
    """The timeline in order of time. A theme change without a value turns to the other theme; the first is 2."""
    clients, theme, events = sum(group.count for group in groups), 2, []
    for entry in sorted(scenario.timeline, key=lambda entry: entry.at_s):
        first, count = (0, clients) if entry.group is None else _clients_of(groups[entry.group])
        value = entry.value or 0
        if entry.action == "theme_change":
            theme = value = value or 3 - theme
        events.append(Event(round(entry.at_s * NS), Action[entry.action.upper()], value, first, count))
    return tuple(events)


def _clients_of(group: Group) -> tuple[int, int]:
    return group.first_client, group.count


def _disk(scenario: Scenario) -> Disk:
    machine = scenario.machine
    if not machine.disk_mb:
        return Disk()
    return Disk(
        latency_ns=round(machine.disk_latency_us * 1000),
        bytes_per_s=round(machine.disk_mb_per_s * 1_000_000),
        mb=machine.disk_mb,
        channels=machine.disk_channels,
        cache_pages=(machine.cache_mb << 20) // abi.BLOCK_BYTES,
    )


def _network(scenario: Scenario) -> Network:
    network = scenario.network
    if network is None:
        return Network()
    return Network(
        heartbeat_ns=round(network.heartbeat_ms * 1e6),
        timeout_ns=round(network.timeout_ms * 1e6),
        latency_ns=round(network.latency_us * 1000),
    )


def _load(scenario: Scenario) -> Load:
    load = scenario.load
    return Load(
        step_ns=round(load.step_s * NS) if load.steps else 0,
        latency_limit_ns=round(load.latency_limit_ms * 1e6) if load.latency_limit_ms else 0,
        cpu_threads=load.cpu_threads,
        cpu_priority=load.cpu_priority,
        memory_ppm=round(load.memory_fraction * 1e6),
        disk_iops=load.disk_iops,
        disk_depth=load.disk_depth,
        steps_ppm=tuple(round(step * 1e6) for step in load.steps),
    )


def _period_ns(rate_hz: float) -> int:
    """Rounded down, as the display's refresh period is, so that equal rates have equal periods; 0 for no rate."""
    return int(NS / rate_hz) if rate_hz else 0


def compile_image(
    scenario: Scenario,
    trace_points: int = False,
    provoke: Provocation = Provocation.NONE,
    detectors_off: Collection[Detection] = (),
    power_cut_ns: int = 0,
    recorded: bool = False,
) -> bytes:
    """`build_image(…).pack()`: the bytes of the scenario image."""
    return build_image(scenario, trace_points, provoke, detectors_off, power_cut_ns, recorded).pack()


def parse_image(data: bytes) -> Image:
    """Read an image back. Raises `ValueError` when magic, version, length or CRC is wrong."""
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
    settings = abi.as_dict(abi.IMAGE_SETTINGS, abi.IMAGE_SETTINGS_FIELDS, data, abi.IMAGE_HEADER.size)
    settings["name"] = settings["name"].rstrip(b"\0").decode("ascii")
    load = abi.as_dict(abi.IMAGE_LOAD, abi.IMAGE_LOAD_FIELDS, data, load_at)
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
