"""The model's processor against closed forms of queueing theory, before it is trusted on a kernel.

Sources: Kleinrock, Queueing Systems I (M/M/1, M/G/1 Pollaczek–Khinchine) and II (priorities, processor sharing);
each tolerance is about four standard errors of the simulated mean at the chosen run length.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pytest
from simpy import Event

from rayos_model.contract.abi import ThreadId
from rayos_model.costs.address_space import AddressSpaceUse
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.thread import BLOCK, Body, Overheads, Thread
from rayos_model.model.cpu.uniprocessor import Uniprocessor

UNIT = 1_000_000  # ns in one unit of mean service time
JOBS = 60_000
FOREVER = 10**15


@dataclass
class Result:
    processor: Uniprocessor
    stays: dict[int, list[int]] = field(default_factory=dict)
    demand: int = 0

    def mean(self, priority: int = 10) -> float:
        stays = self.stays[priority]
        return sum(stays) / len(stays) / UNIT


def simulate(
    classes: dict[int, tuple[float, Callable[[random.Random], float]]], quantum: int = FOREVER, seed: int = 7
) -> Result:
    """Poisson arrivals per priority: {priority: (rate per unit, service time in units)}."""
    env = Clock()
    processor = Uniprocessor(env, quantum)
    result = Result(processor)

    def job(priority: int, arrived: int, demand: int) -> Body:
        yield demand
        result.stays[priority].append(processor.now - arrived)

    def source(priority: int, rate: float, service: Callable[[random.Random], float]) -> Generator[Event, None, None]:
        rng = random.Random(seed * 100 + priority)
        for number in range(JOBS):
            yield env.timeout(max(1, round(rng.expovariate(rate) * UNIT)))
            demand = max(1, round(service(rng) * UNIT))
            result.demand += demand
            processor.spawn(Thread(number, "job", priority, job(priority, int(env.now), demand)))

    for priority, (rate, service) in classes.items():
        result.stays[priority] = []
        env.process(source(priority, rate, service))
    env.run()
    return result


def exponential(mean: float) -> Callable[[random.Random], float]:
    return lambda rng: rng.expovariate(1 / mean)


def test_mm1_mean_stay_is_one_over_mu_minus_lambda() -> None:
    assert simulate({10: (0.6, exponential(1))}).mean() == pytest.approx(1 / (1 - 0.6), rel=0.05)


def test_md1_mean_stay_is_pollaczek_khinchine() -> None:
    rho = 0.7
    assert simulate({10: (rho, lambda _: 1.0)}).mean() == pytest.approx(1 + rho / (2 * (1 - rho)), rel=0.04)


def test_mg1_mean_stay_is_pollaczek_khinchine() -> None:
    # Two-point service: 0.5 with probability 0.9, 5.5 with 0.1; mean 1, second moment 3.25.
    rho, second_moment = 0.6, 0.9 * 0.25 + 0.1 * 5.5**2
    wait = rho * second_moment / (2 * (1 - rho))
    result = simulate({10: (rho, lambda rng: 0.5 if rng.random() < 0.9 else 5.5)})
    assert result.mean() == pytest.approx(1 + wait, rel=0.06)


def test_preemptive_resume_priorities_match_mg1_formula() -> None:
    # T_k = s_k/(1−σ_{k−1}) + Σ_{i≤k} λ_i E[S_i²]/2 / ((1−σ_{k−1})(1−σ_k)), class 1 the most urgent.
    high, low = 0.3, 0.4
    result = simulate({20: (high, exponential(1)), 10: (low, lambda _: 1.0)})
    assert result.mean(20) == pytest.approx(1 / (1 - high), rel=0.05)
    residual = high * 2 / 2 + low * 1 / 2
    expected = 1 / (1 - high) + residual / ((1 - high) * (1 - high - low))
    assert result.mean(10) == pytest.approx(expected, rel=0.06)


def test_round_robin_with_a_short_quantum_is_processor_sharing() -> None:
    # M/G/1-PS: the mean stay is s/(1−ρ), whatever the service distribution; a quantum of 1/50 of the mean comes close.
    rho = 0.6
    result = simulate({10: (rho, lambda rng: 0.5 if rng.random() < 0.9 else 5.5)}, quantum=UNIT // 50)
    assert result.mean() == pytest.approx(1 / (1 - rho), rel=0.06)


def test_mm1k_loses_the_share_that_erlang_says() -> None:
    rho, places = 0.8, 4
    env = Clock()
    processor = Uniprocessor(env, FOREVER)
    rng = random.Random(3)
    queue: list[int] = []
    lost = 0

    def server() -> Body:
        while True:
            while queue:
                yield queue[0]
                queue.pop(0)
            yield BLOCK

    def source() -> Generator[Event, None, None]:
        nonlocal lost
        for _ in range(JOBS):
            yield env.timeout(max(1, round(rng.expovariate(rho) * UNIT)))
            if len(queue) == places:
                lost += 1
            else:
                queue.append(max(1, round(rng.expovariate(1) * UNIT)))
                processor.wake(thread)

    thread = Thread(0, "server", 10, server())
    processor.spawn(thread)
    env.process(source())
    env.run()
    expected = (1 - rho) * rho**places / (1 - rho ** (places + 1))
    assert lost / JOBS == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("quantum", [FOREVER, UNIT // 3])
def test_utilisation_and_littles_law_hold_exactly(quantum: int) -> None:
    result = simulate({10: (0.5, exponential(1)), 20: (0.2, exponential(1))}, quantum)
    processor = result.processor
    assert processor.runnable_area == processor.stay_ns
    assert processor.now - processor.idle_ns() == result.demand


def test_overheads_are_charged_once_a_dispatch_and_once_an_interrupt() -> None:
    env = Clock()
    processor = Uniprocessor(env, FOREVER, Overheads(dispatch_ns=100, interrupt_ns=10, idle_wake_ns=5))
    ends: dict[str, int] = {}

    def worker(name: str, demand: int, sleep: int | None, thread: list[Thread]) -> Body:
        if sleep is not None:
            thread[0].deadline = sleep
            yield BLOCK
        yield demand
        ends[name] = processor.now

    for name, priority, demand, sleep in (("low", 10, 1000, None), ("high", 20, 300, 500)):
        box: list[Thread] = []
        box.append(Thread(priority, name, priority, worker(name, demand, sleep, box)))
        processor.spawn(box[0])
    env.run()
    # high is dispatched at 0 and sleeps; low starts at 200, is interrupted at 500, high runs 500+100 … 900, low again.
    assert ends["high"] == 500 + 100 + 300
    assert ends["low"] == 900 + 100 + 1000 - 300


def test_replacing_an_address_space_costs_what_there_is_to_forget() -> None:
    env = Clock()
    processor = Uniprocessor(
        env,
        FOREVER,
        Overheads(
            space_switch_ns=100, space_switch_used_ns=20, space_switch_mapped_page_ns=2, space_switch_drawn_page_ns=10
        ),
    )
    ends: list[int] = []

    def body(steps: int, thread: list[Thread]) -> Body:
        yield 1000
        thread[0].touched.map(50)
        thread[0].touched.draw(steps)
        thread[0].deadline = 10_000
        yield BLOCK
        yield 1000
        ends.append(processor.now)

    for index, steps in ((ThreadId.CLIENT0, 96), (ThreadId.DISK, 0), (ThreadId.CLIENT0 + 1, 0)):
        box: list[Thread] = []
        box.append(Thread(index, str(index), 10, body(steps, box)))
        processor.spawn(box[0])
    env.run()
    first = 10_000 + 100 + 1000  # the second client's is replaced, which had not drawn
    # The disk's thread runs in whichever is loaded. The first client has ended: nothing of it is left to be forgotten.
    assert ends == [first, first + 1000, first + 2000]
    assert processor.idle_before == 10_000 - 3000 - (100 + 20 + 2 * 50 + 10 * 3)


def test_what_a_client_has_drawn_is_forgotten_with_its_address_space() -> None:
    touched = AddressSpaceUse()
    touched.map(80)
    touched.unmap(30)
    assert touched.forget() == (0, 0, 0)
    touched.draw(33)
    assert touched.forget() == (1, 80, 2)  # it looks through all that was ever mapped
    assert touched.forget() == (0, 0, 0)
    touched.map(1000)
    touched.draw(32_000)
    assert touched.forget() == (1, 512, 68)  # more than it forgets one by one


def test_marks_within_a_burst_move_with_interruptions() -> None:
    env = Clock()
    processor = Uniprocessor(env, FOREVER, Overheads(interrupt_ns=10))
    seen: list[int] = []
    ends: list[int] = []

    def low() -> Body:
        yield 1000
        ends.append(processor.now)
        seen.extend(threads[0].time_at(offset) for offset in (0, 400, 600, 1000))

    def high() -> Body:
        threads[1].deadline = 500
        yield BLOCK
        yield 200

    threads = [Thread(0, "low", 10, low()), Thread(1, "high", 20, high())]
    for thread in reversed(threads):
        processor.spawn(thread)
    env.run()
    assert seen[0] == 0 and seen[1] == 400
    assert seen[2] - 600 == seen[3] - 1000 == 200  # the visit; the interrupt that begins one is part of its dispatch
    assert seen[3] == ends[0]


def test_interrupts_and_the_end_of_a_quantum_wait_for_the_end_of_a_system_call() -> None:
    env = Clock()
    processor = Uniprocessor(env, 10_000)
    began: dict[str, int] = {}

    def caller() -> Body:
        yield caller_thread.masking(30_000)
        began["returned"] = processor.now
        yield 50_000

    def sleeper() -> Body:
        thread = urgent
        thread.deadline = 5_000
        yield BLOCK
        began["urgent"] = processor.now
        yield 1_000

    def equal() -> Body:
        began["equal"] = processor.now
        yield 1_000

    caller_thread = Thread(0, "caller", 10, caller())
    urgent = Thread(1, "urgent", 20, sleeper())
    for thread in (urgent, caller_thread, Thread(2, "equal", 10, equal())):
        processor.spawn(thread)
    env.run()
    assert began == {"returned": 30_000, "urgent": 30_000, "equal": 31_000}
