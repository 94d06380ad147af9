"""Processors that run at once on the cores of a host, checked alone."""

from __future__ import annotations

import pytest

from rayos_model.contract.abi import COMPUTE_TURN_NS
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.host import HostSettings
from rayos_model.model.cpu.parallel import Parallel, _rest_of_step
from rayos_model.model.cpu.thread import BLOCK, EXITED, Body, Overheads, Thread
from rayos_model.model.cpu.virtual_cpu import ComputingThread, SmpSettings
from rayos_model.model.pcg32 import Random

QUANTUM = 100_000_000
TICK = 1_000_000


FREE = Overheads()


def machine(vcpus: int, cores: int, overheads: Overheads = FREE, wake_ns: int = 0) -> Parallel:
    host = HostSettings(cores, slice_ns=TICK // 2, tick_ns=TICK, wake_ns=wake_ns)
    return Parallel(Clock(), QUANTUM, overheads, SmpSettings(vcpus), host, Random(1))


def run(processor: Parallel, until: int) -> None:
    while processor.env.peek() <= until:
        processor.env.step()


def worker(processor: Parallel, done: list[int], burst: int) -> Body:
    yield burst
    done.append(processor.now)


@pytest.mark.parametrize(("cores", "finished"), [(4, 10_000_000), (2, 20_000_000), (1, 40_000_000)])
def test_busy_processors_share_the_hosts_cores(cores: int, finished: int) -> None:
    processor, done = machine(4, cores), list[int]()
    for index in range(4):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, 10_000_000)))
    run(processor, 100_000_000)
    assert len(done) == 4
    assert all(finished - 4 * TICK <= instant <= finished + TICK for instant in done)
    assert done[-1] >= finished  # two may share a core up to the first tick, as the others are busy at first


def test_a_shorter_burst_leaves_its_share_to_the_others() -> None:
    # Two on one core, in turns of 1 ms: the shorter one has its second after 3, then the other waits no more.
    processor, done = machine(2, 1), list[int]()
    for index, burst in enumerate((2_000_000, 10_000_000)):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, burst)))
    run(processor, 100_000_000)
    assert done == [4_000_000, 12_000_000]


def test_system_calls_do_not_overlap() -> None:
    processor, done = machine(2, 2), list[int]()
    holders: list[list[Thread]] = [[], []]

    def caller(holder: list[Thread]) -> Body:
        holder[0].locked_from = 100_000
        yield 300_000
        done.append(processor.now)

    for index, holder in enumerate(holders):
        holder.append(Thread(16 + index, "t", 10, caller(holder)))
        processor.spawn(holder[0])
    run(processor, 10_000_000)
    assert done == [300_000, 500_000]


def test_who_blocks_has_the_kernel_lock_at_the_end_and_until_its_processor_is_idle() -> None:
    processor, done = machine(2, 2, Overheads(block_lock_hold_ns=10_000, idle_lock_hold_ns=30_000)), list[int]()

    def blocker() -> Body:
        yield 100_000
        blocked.trailing = 20_000
        yield BLOCK

    def caller() -> Body:
        other.locked_from = 115_000
        yield 120_000
        done.append(processor.now)

    blocked, other = Thread(16, "b", 10, blocker()), Thread(17, "t", 10, caller())
    processor.spawn(blocked)
    processor.spawn(other)
    run(processor, 10_000_000)
    assert done == [155_000], "the lock was held from 110 to 150 us"


def test_an_idle_core_runs_a_processor_only_when_it_has_got_up() -> None:
    processor, done = machine(1, 1, wake_ns=25_000), list[int]()
    processor.spawn(Thread(16, "w", 10, worker(processor, done, 100_000)))
    run(processor, 10_000_000)
    assert done == [125_000]


def test_who_computes_falls_asleep_if_it_pauses_while_qemu_wakes_a_processor() -> None:
    # Two compute on two cores; a third sleeps, with a core to go to only when one of them has had its slice.
    bql_hold_ns = 2 * COMPUTE_TURN_NS
    processor, woken, falls = machine(3, 2, Overheads(bql_hold_ns=bql_hold_ns)), list[int](), list[int]()

    def sleeper() -> Body:
        thread.deadline = 5_500_000
        yield BLOCK
        woken.append(processor.now)

    thread = Thread(16, "s", 20, sleeper())
    processor.spawn(thread)
    for index in range(2):
        processor.spawn(ComputingThread(17 + index, "c", 10))
    while processor.env.peek() <= 6_000_000:
        sleeping = [one.awake for one in processor._threads].count(False)
        processor.env.step()
        now_asleep = [one.awake for one in processor._threads].count(False)
        if now_asleep > sleeping and processor.env.instant() > 5_500_000:
            falls.append(processor.env.instant())
    assert woken
    assert woken[0] >= 5_500_000 + bql_hold_ns, "it hears of it when QEMU's lock is released"
    assert 5_500_000 < falls[0] <= 5_500_000 + COMPUTE_TURN_NS, "the one that still had a core, at its next pause"


@pytest.mark.parametrize(("left_ns", "rest_ns"), [(50_000, 25_000), (25_001, 1), (25_000, 12_500), (1, 1)])
def test_a_computing_process_goes_on_to_the_end_of_a_step(left_ns: int, rest_ns: int) -> None:
    assert _rest_of_step(left_ns) == rest_ns


def test_who_loses_its_core_with_the_kernel_lock_has_it_again_though_the_others_burn_theirs() -> None:
    processor, done = machine(8, 2), list[int]()

    def caller(holder: list[Thread]) -> Body:
        for _ in range(200):
            holder[0].locked_from = 20_000
            yield 40_000
        done.append(processor.now)

    for index in range(8):
        holder: list[Thread] = []
        holder.append(Thread(16 + index, "t", 10, caller(holder)))
        processor.spawn(holder[0])
    run(processor, 1_000_000_000)
    assert len(done) == 8


def test_a_sleeper_wakes_in_time_and_ends_who_computes_elsewhere() -> None:
    processor, woken, ended = machine(3, 3), list[int](), list[Thread]()
    processor.on_exit = ended.append
    computing = [ComputingThread(17 + index, "c", 10) for index in range(2)]

    def sleeper() -> Body:
        for n in range(1, 4):
            thread.deadline = n * 3_000_000
            yield BLOCK
            woken.append(processor.now)
            yield 1000
        for one in computing:
            processor.kill(one)

    thread = Thread(16, "s", 20, sleeper())
    processor.spawn(thread)
    for one in computing:
        processor.spawn(one)
    run(processor, 50_000_000)
    assert woken == [3_000_000, 6_000_000, 9_000_000]
    assert set(ended) == {thread, *computing}
    assert all(one.state == EXITED for one in computing)
    assert processor.idle_ns() == 3 * processor.now - 2 * 9_001_000 - 3 * 1000
