"""Which kind of CPUs a run has: one; several that take turns (icount); several in parallel (MTTCG)."""

from __future__ import annotations

from rayos_model.contract.abi import ThreadId
from rayos_model.contract.image import Settings
from rayos_model.costs.parameters import Parameters
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.host import HostSettings
from rayos_model.model.cpu.parallel import Parallel
from rayos_model.model.cpu.scheduler import Scheduler
from rayos_model.model.cpu.thread import Overheads
from rayos_model.model.cpu.turn_taking import TurnTaking
from rayos_model.model.cpu.uniprocessor import Uniprocessor
from rayos_model.model.cpu.virtual_cpu import SmpSettings
from rayos_model.model.noise import Noise
from rayos_model.model.pcg32 import STREAM_HOST, STREAM_JITTER, Random


def make_processor(env: Clock, settings: Settings, parameters: Parameters) -> Scheduler:
    """The CPUs of a machine with these settings, whose scheduling costs what the parameters say."""
    scheduling = parameters.scheduling
    spread = scheduling.idle_wake_spread_ns
    noise = Noise(settings.seed, ThreadId.IDLE)
    overheads = Overheads(
        dispatch_ns=round(scheduling.dispatch_ns),
        interrupt_ns=round(scheduling.interrupt_ns),
        idle_wake_ns=round(scheduling.idle_wake_ns),
        draw_idle_wake=(lambda: round(noise.draw(spread))) if spread else None,
        space_switch_ns=scheduling.space_switch_ns,
        space_switch_used_ns=scheduling.space_switch_used_ns,
        space_switch_mapped_page_ns=scheduling.space_switch_mapped_page_ns,
        space_switch_drawn_page_ns=scheduling.space_switch_drawn_page_ns,
        cpu_search_ns=scheduling.cpu_search_ns,
        ipi_wake_ns=round(scheduling.ipi_wake_ns),
        syscall_exit_ns=round(scheduling.syscall_exit_ns),
        bql_hold_ns=round(scheduling.bql_hold_ns),
        block_lock_hold_ns=round(scheduling.block_lock_hold_ns),
        service_lock_hold_ns=round(scheduling.service_lock_hold_ns),
        idle_lock_hold_ns=round(scheduling.idle_lock_hold_ns),
    )
    jitter = Random(settings.jitter_seed, stream=STREAM_JITTER) if settings.jitter_seed else None
    if settings.vcpus == 1:
        return Uniprocessor(env, settings.quantum_ns, overheads, jitter)
    several = SmpSettings(settings.vcpus, jitter, settings.ipi_delay_seed)
    if parameters.host_parallelism == 1:
        return TurnTaking(env, settings.quantum_ns, overheads, several)
    tick_ns, chance = parameters.host_tick_ns, Random(settings.seed, stream=STREAM_HOST)
    host = HostSettings(
        cores=parameters.host_parallelism,
        slice_ns=parameters.host_slice_ns,
        tick_ns=tick_ns,
        phase_ns=chance.next() * tick_ns >> 32,
        wake_ns=parameters.host_wake_ns,
        switch_ns=parameters.host_switch_ns,
    )
    return Parallel(env, settings.quantum_ns, overheads, several, host, chance)
