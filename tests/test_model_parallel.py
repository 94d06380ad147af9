"""Processors that run at once on the cores of a host, checked alone."""

from __future__ import annotations

import pytest

from rayos_model.model.clock import Clock
from rayos_model.model.host import HostSettings
from rayos_model.model.parallel import Parallel
from rayos_model.model.processor import BLOCK, EXITED, Body, Overheads, Thread
from rayos_model.model.smp import ComputingThread, Several

QUANTUM = 10_000_000
TICK = 100_000


def machine(vcpus: int, cores: int) -> Parallel:
    host = HostSettings(cores, slice_ns=TICK // 2, tick_ns=TICK)
    return Parallel(Clock(), QUANTUM, Overheads(), Several(vcpus), host)


def run(processor: Parallel, until: int) -> None:
    while processor.env.peek() <= until:
        processor.env.step()


def worker(processor: Parallel, done: list[int], burst: int) -> Body:
    yield burst
    done.append(processor.now)


@pytest.mark.parametrize(("cores", "finished"), [(4, 1_000_000), (2, 2_000_000), (1, 4_000_000)])
def test_busy_processors_share_the_hosts_cores(cores: int, finished: int) -> None:
    processor, done = machine(4, cores), list[int]()
    for index in range(4):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, 1_000_000)))
    run(processor, 10_000_000)
    assert len(done) == 4
    assert done[-1] == finished
    assert all(finished - 4 * TICK <= instant <= finished for instant in done)


def test_a_shorter_burst_leaves_its_share_to_the_others() -> None:
    # Two on one core, in turns of 100 us: the shorter one has its second after 300, then the other waits no more.
    processor, done = machine(2, 1), list[int]()
    for index, burst in enumerate((200_000, 1_000_000)):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, burst)))
    run(processor, 10_000_000)
    assert done == [400_000, 1_200_000]


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
