"""Compilation of a scenario into the image from which both systems start. Must not know how they use it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rayos_model.contract import abi
from rayos_model.contract.abi import Action, Detection, FaultKind, InputSource, Provocation, ScenarioKind, Workload
from rayos_model.contract.fault_kinds import FAULT_VARIANTS
from rayos_model.contract.image import Disk, Event, Fault, Group, Image, Load, Network, Settings
from rayos_model.scenario.distribution import Distribution
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS


def build_image(
    scenario: Scenario,
    trace_points: int = False,
    provoke: Provocation = Provocation.NONE,
    detectors_off: Collection[Detection] = (),
    power_cut_ns: int = 0,
    recorded: bool = False,
) -> Image:
    """Compile a scenario.

    * `trace_points`: 1 also traces all control-flow points, `abi.TRACE_WIRE` also the bytes on the wire.
    * `provoke`: the bug to plant, in tests of the detectors.
    * `detectors_off`: detectors to disable, to prove that a test fails without them.
    * `power_cut_ns`: time at which the machine stops, in tests of the disk's content; 0: never.
    * `recorded`: QEMU records or replays the run.
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
        refresh_millihertz=scenario.refresh_millihertz,
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
    """The sources of faults. A range of targets is one client, one group or all clients."""
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
    """The timeline in order of time. A theme change without a value toggles the theme, which is 2 at the start."""
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
    """Period of a rate, ns, rounded down like the refresh period, so that equal rates are equal; 0 for no rate."""
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
