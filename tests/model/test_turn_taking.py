"""Processors that take turns: the policy of docs/explanation/scheduler.md for several, checked alone."""

from __future__ import annotations

import pytest

from rayos_model.contract.abi import COMPUTE_TURN_NS
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.thread import BLOCK, EXITED, LEAVE, Body, Overheads, Thread
from rayos_model.model.cpu.turn_taking import TurnTaking
from rayos_model.model.cpu.virtual_cpu import MAX_IPI_DELAY_NS, ComputingThread, SmpSettings

QUANTUM = 10_000_000


def machine(vcpus: int, ipi_delay_seed: int = 0) -> TurnTaking:
    return TurnTaking(Clock(), QUANTUM, Overheads(), SmpSettings(vcpus, ipi_delay_seed=ipi_delay_seed))


def run(processor: TurnTaking, until: int) -> None:
    """To that time: threads that compute for ever need events to stop at."""
    processor.env.timeout(until)
    processor.env.timeout(until + 1)
    while processor.env.peek() <= until:
        processor.env.step()


def worker(processor: TurnTaking, done: list[int], burst: int) -> Body:
    yield burst
    done.append(processor.now)


def sleeper(processor: TurnTaking, thread: list[Thread], woken: list[int], period: int, times: int) -> Body:
    for n in range(1, times + 1):
        thread[0].deadline = n * period
        yield BLOCK
        woken.append(processor.now)
        yield 1000


def test_one_clock_means_that_work_adds_up() -> None:
    processor, done = machine(4), list[int]()
    for index in range(4):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, 1_000_000)))
    run(processor, 10_000_000)
    assert done == [1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_processors_that_wait_for_their_turn_are_not_idle() -> None:
    processor = machine(4)
    for index in range(2):
        processor.spawn(ComputingThread(16 + index, "c", 10))
    run(processor, 50_000_000)
    assert abs(processor.idle_ns() - 2 * processor.now) <= 2 * COMPUTE_TURN_NS


def test_a_more_urgent_thread_waits_for_the_turns_of_those_that_compute_and_no_longer() -> None:
    processor, woken, holder = machine(3), list[int](), list[Thread]()
    for index in range(2):
        processor.spawn(ComputingThread(16 + index, "c", 10))
    thread = Thread(2, "urgent", 20, sleeper(processor, holder, woken, 3_010_000, 10))
    holder.append(thread)
    processor.spawn(thread)
    run(processor, 40_000_000)
    assert len(woken) == 10
    late = [time - (n + 1) * 3_010_000 for n, time in enumerate(woken)]
    assert all(0 <= delay <= 2 * COMPUTE_TURN_NS for delay in late)


def test_a_thread_that_is_killed_while_it_computes_leaves_its_processor() -> None:
    processor, ended = machine(2), list[Thread]()
    processor.on_exit = ended.append
    thread = ComputingThread(16, "c", 10)
    processor.spawn(thread)
    processor.env.timeout(1_000_000).callbacks.append(lambda _: processor.kill(thread))
    run(processor, 20_000_000)
    assert ended == [thread]
    assert thread.state == EXITED
    assert processor.idle_ns() >= 2 * processor.now - 1_000_000 - 2 * COMPUTE_TURN_NS


def left_after(ipi_delay_seed: int) -> int:
    """How long a thread that was killed while it computes stays on its processor."""
    processor, ended = machine(2, ipi_delay_seed), list[int]()
    processor.on_exit = lambda _: ended.append(processor.now)
    thread = ComputingThread(16, "c", 10)
    processor.spawn(thread)
    processor.env.timeout(1_000_000).callbacks.append(lambda _: processor.kill(thread))
    run(processor, 20_000_000)
    (at,) = ended
    return at - 1_000_000


def test_an_interrupt_that_comes_late_lets_a_processor_go_on_for_so_long() -> None:
    prompt, late = left_after(0), [left_after(seed) for seed in range(1, 9)]
    assert prompt <= COMPUTE_TURN_NS
    assert len(set(late)) == len(late)
    assert all(delay <= COMPUTE_TURN_NS + MAX_IPI_DELAY_NS for delay in late)
    assert max(late) > COMPUTE_TURN_NS


def test_equals_beyond_the_number_of_processors_take_their_quanta_in_turn() -> None:
    processor, done = machine(2), list[int]()
    for index in range(3):
        processor.spawn(Thread(16 + index, "w", 10, worker(processor, done, 30_000_000)))
    run(processor, 200_000_000)
    assert len(done) == 3
    assert done[-1] == 90_000_000


def caller(processor: TurnTaking, thread: list[Thread], done: list[int], before: int, locked: int) -> Body:
    thread[0].locked_from = before
    yield before + locked
    done.append(processor.now)


def test_who_holds_the_kernel_lock_keeps_it_beyond_its_turn() -> None:
    # The first processor sets its timer to 100 us, which ends its turn; the second is in a system call by then.
    processor, woken, done = machine(2), list[int](), list[int]()
    sleeps, calls = list[Thread](), list[Thread]()
    sleeps.append(Thread(16, "s", 20, sleeper(processor, sleeps, woken, 100_000, 1)))
    calls.append(Thread(17, "c", 10, caller(processor, calls, done, 60_000, 90_000)))
    processor.spawn(sleeps[0])
    processor.spawn(calls[0])
    run(processor, 1_000_000)
    assert done == [150_000]
    assert woken == [150_000]


@pytest.mark.parametrize(("deadline", "woken_at"), [(1_070_000, 1_070_000), (1_020_000, 1_070_001)])
def test_a_turn_that_ends_at_a_deadline_may_cost_the_next_processor_its_own(deadline: int, woken_at: int) -> None:
    # The first computes from 1,050 to 1,100 us, the second 50 us before and after; the third sleeps.
    processor, woken, holder = machine(3), list[int](), list[Thread]()
    for index in range(2):
        processor.spawn(ComputingThread(16 + index, "c", 10))
    holder.append(Thread(18, "s", 5, sleeper(processor, holder, woken, deadline, 1)))
    processor.spawn(holder[0])
    run(processor, 5_000_000)
    assert woken == [woken_at]


def test_a_preempted_thread_that_computes_does_not_begin_its_turn_anew() -> None:
    """Its pause is due by the clock: what it missed meanwhile it does not get."""
    processor, woken, holder = machine(1), list[int](), list[Thread]()
    computing = ComputingThread(16, "c", 10)
    processor.spawn(computing)
    urgent = Thread(2, "u", 20, sleeper(processor, holder, woken, COMPUTE_TURN_NS // 2, 1))
    holder.append(urgent)
    processor.spawn(urgent)
    run(processor, COMPUTE_TURN_NS // 2 + 2000)
    assert woken == [COMPUTE_TURN_NS // 2]
    assert computing.until == COMPUTE_TURN_NS


def test_looking_for_a_processor_costs_nothing_where_the_threads_own_is_idle() -> None:
    """Each of several that are woken one after the other claims a processor; only the first at each finds it idle."""
    overheads = Overheads(cpu_search_ns=10.0)
    processor, woken = TurnTaking(Clock(), QUANTUM, overheads, SmpSettings(3)), list[int]()
    threads = []
    for index in range(4):
        holder = list[Thread]()
        thread = Thread(16 + index, "s", 10, sleeper(processor, holder, woken, QUANTUM // 10, 1))
        holder.append(thread)
        threads.append(thread)
        processor.spawn(thread)
    run(processor, QUANTUM // 100)
    claimed = set[int]()
    costs = [processor.seek(thread, claimed) for thread in threads]
    assert sorted(claimed) == [0, 1, 2]
    assert costs == [0, 0, 20, 20]  # the third's own was claimed by one before it
    assert processor.seek(Thread(30, "new", 10, worker(processor, [], 1)), set()) == 0  # not blocked: nobody to wake


def test_the_way_out_of_the_kernel_is_a_part_of_what_follows() -> None:
    """Its turn may end there, but it is not paid for twice."""

    def receiver(processor: TurnTaking, seen: list[int]) -> Body:
        yield 1000
        yield LEAVE
        seen.append(processor.now)
        yield 500
        seen.append(processor.now)

    seen = list[int]()
    processor = TurnTaking(Clock(), QUANTUM, Overheads(syscall_exit_ns=200), SmpSettings(2))
    processor.spawn(Thread(16, "r", 10, receiver(processor, seen)))
    run(processor, 10_000)
    assert seen == [1200, 1500]
