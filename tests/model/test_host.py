"""The host's scheduler and a lock between its threads, checked alone."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayos_model.model.cpu.clock import Alarm, Call, Clock
from rayos_model.model.cpu.host import Host, HostSettings, HostThread
from rayos_model.model.cpu.host_mutex import Mutex
from rayos_model.model.pcg32 import Random

SLICE, TICK = 1_400_000, 4_000_000
SETTINGS = HostSettings(1, SLICE, TICK)

Script = Generator[tuple[str, int], None, None]


class Worker:
    """A thread that follows a script of ("run", ns), ("sleep", ns) and ("lock", ns)."""

    def __init__(self, env: Clock, host: Host, script: Script, mutex: Mutex | None = None) -> None:
        self.env, self.host, self.mutex = env, host, mutex
        self.thread = HostThread(self.resume, self.lose)
        self.ran = 0
        self.finished: int | None = None
        self.gained: list[int] = []
        self._script = script
        self._wish = ("", 0)
        self._since = 0
        self._end: Alarm | None = None

    def start(self, at: int = 0) -> None:
        self._wish = next(self._script)
        self.env.set_alarm(at, Call(lambda: self.host.wake(self.thread)))

    def resume(self) -> None:
        self.gained.append(self.env.instant())
        if self.mutex is not None and not self.mutex.resume(self.thread):
            return
        self._go_on()

    def lose(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancelled = True
            self._end = None
            spent = self.env.instant() - self._since
            self.ran += spent
            self._wish = self._wish[0], self._wish[1] - spent

    def _go_on(self) -> None:
        self._stop()
        while True:
            kind, ns = self._wish
            if kind == "run" and ns > 0:
                self._since = self.env.instant()
                self._end = Call(self._go_on)
                self.env.set_alarm(self._since + ns, self._end)
                return
            if kind == "sleep":
                self._wish = next(self._script, ("", 0))
                self.env.set_alarm(self.env.instant() + ns, Call(lambda: self.host.wake(self.thread)))
                self.host.sleep(self.thread)
                return
            if kind == "lock":
                assert self.mutex is not None
                if not self.mutex.take(self.thread, ns):
                    return
                self._wish = ("run", ns)
                continue
            if kind == "":
                self.finished = self.env.instant()
                if self.mutex is not None:
                    self.mutex.release(self.thread)
                if self.thread.running:
                    self.host.sleep(self.thread)
                return
            self._wish = next(self._script, ("", 0))


def busy(ns: int) -> Script:
    yield "run", ns


def run(env: Clock, until: int) -> None:
    env.set_alarm(until, Call(lambda: None))
    while env.horizon() <= until:
        env.step()


@given(st.integers(1, 4), st.integers(1, 9))
def test_busy_threads_get_equal_shares_of_the_cores(cores: int, threads: int) -> None:
    env = Clock()
    host = Host(env, HostSettings(cores, SLICE, TICK), Random(1))
    workers = [Worker(env, host, busy(10**12)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    duration = 100 * TICK
    run(env, duration)
    for worker in workers:
        worker.lose()
    assert sum(worker.ran for worker in workers) == min(cores, threads) * duration
    if threads % cores == 0 or threads < cores:
        share = duration * min(cores / threads, 1)
        assert all(abs(worker.ran - share) <= 2 * TICK for worker in workers)


def test_a_core_changes_hands_at_ticks() -> None:
    env = Clock()
    host = Host(env, SETTINGS, Random(1))
    workers = [Worker(env, host, busy(10**12)) for _ in range(2)]
    for worker in workers:
        worker.start()
    run(env, 5 * TICK - 1)
    assert workers[0].gained == [0, 2 * TICK, 4 * TICK]
    assert workers[1].gained == [TICK, 3 * TICK]


@pytest.mark.parametrize(("wakes", "gains"), [(1_000_000, TICK), (2_000_000, 2_000_000)])
def test_who_wakes_takes_the_core_from_who_has_had_its_slice_and_no_sooner(wakes: int, gains: int) -> None:
    env = Clock()
    host = Host(env, SETTINGS, Random(1))
    busy_one, waker = Worker(env, host, busy(10**12)), Worker(env, host, busy(100_000))
    busy_one.start()
    waker.start(at=wakes)
    run(env, 10 * TICK)
    assert waker.gained == [gains]


def test_who_fell_asleep_with_more_than_its_share_wakes_with_it_and_where_it_was() -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))

    def script() -> Script:
        yield "run", 3_500_000
        yield "sleep", 600_000
        yield "run", 1_000_000

    rivals = [Worker(env, host, busy(10**12)), Worker(env, host, busy(2 * TICK))]
    greedy = Worker(env, host, script())
    for worker in rivals:
        worker.start()
    greedy.start(at=1_000_000)  # shares the first core; the second one is idle when it wakes again, at 8.1 ms
    run(env, 10 * TICK)
    assert greedy.gained == [TICK, 3 * TICK]


def test_a_core_changes_hands_when_somebody_wakes_there_and_who_runs_has_had_its_slice() -> None:
    env = Clock()
    host = Host(env, SETTINGS, Random(1))
    first, second, third = workers = [Worker(env, host, busy(10**12)) for _ in range(3)]
    for worker, at in zip(workers, (0, 100_000, 2_000_000), strict=True):
        worker.start(at)
    run(env, TICK)
    assert (first.gained, second.gained, third.gained) == ([0], [2_000_000], [TICK])


@pytest.mark.parametrize(
    ("wake_ns", "switch_ns", "gains"), [(30_000, 0, (30_000, 130_000)), (0, 2_000, (2_000, 104_000))]
)
def test_a_core_takes_its_time_to_run_who_wakes_if_it_is_idle_and_to_run_another_anyway(
    wake_ns: int, switch_ns: int, gains: tuple[int, int]
) -> None:
    env = Clock()
    host = Host(env, HostSettings(1, SLICE, TICK, wake_ns=wake_ns, switch_ns=switch_ns), Random(1))
    first, second = Worker(env, host, busy(100_000)), Worker(env, host, busy(100_000))
    first.start()
    second.start(at=1_000)
    run(env, TICK)
    assert (first.gained, second.gained) == ([gains[0]], [gains[1]])


def test_a_core_with_much_less_to_do_takes_from_who_has_more_until_it_has_as_much() -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))
    workers: list[Worker] = []
    for n in range(6):  # of which every second comes to the second core, where one remains
        workers.append(Worker(env, host, busy(10 * TICK if n in (3, 5) else 10**12)))
        workers[n].start(at=n)
    run(env, 60 * TICK)
    stay = [worker for worker in workers if worker.finished is None]
    at_first = [worker.ran for worker in stay]
    run(env, 60 * TICK + 10_000_000_000)
    for worker in stay:
        worker.lose()
    shares = [(worker.ran - ran) / 1e10 for worker, ran in zip(stay, at_first, strict=True)]
    assert shares == pytest.approx([0.5] * 4, abs=0.02)


@pytest.mark.parametrize("threads", [3, 5, 7])
def test_threads_that_two_cores_cannot_share_evenly_take_turns_at_being_the_more(threads: int) -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))
    workers = [Worker(env, host, busy(10**12)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    run(env, 10_000_000_000)
    for worker in workers:
        worker.lose()
    assert [worker.ran / 1e10 for worker in workers] == pytest.approx([2 / threads] * threads, rel=0.25)


def test_who_has_just_run_is_not_taken_to_another_core_at_once() -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))
    short, other, rival = (Worker(env, host, busy(ns)) for ns in (TICK + 200_000, 10**12, 10**12))
    other.start()
    short.start(at=1)
    rival.start(at=2)  # with the first one on its core, which it has from the tick on
    run(env, 3 * TICK)
    assert short.finished == TICK + 200_001
    assert other.gained == [0, 2 * TICK], "it waits on while the second core is idle, as it ran until the tick"


def test_a_core_with_nothing_to_do_takes_who_waits_for_another() -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))
    workers = [Worker(env, host, busy(ns)) for ns in (1_000_000, 10_000_000, 10_000_000)]
    for worker in workers:
        worker.start()
    run(env, 10 * TICK)
    assert max(worker.finished or 0 for worker in workers) < 12_000_000


def locking(before: int, held: int) -> Script:
    yield "run", before
    yield "lock", held


def test_a_lock_holds_others_up_while_its_owner_waits_for_a_core() -> None:
    env = Clock()
    host = Host(env, SETTINGS, Random(1))
    mutex = Mutex(env, host)
    owner = Worker(env, host, locking(3_990_000, 20_000), mutex)  # loses the core at the first tick, with the lock
    rival = Worker(env, host, locking(1_000, 1_000), mutex)
    owner.start()
    rival.start(at=1_000)
    run(env, 10 * TICK)
    assert rival.gained == [TICK, TICK + 10_000]
    assert owner.gained[1] == TICK + 1_000
    assert rival.finished == TICK + 11_000


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["run", "sleep", "lock"]), st.integers(1, 5_000_000)), min_size=1, max_size=6
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
)
def test_no_thread_is_forgotten(scripts: list[list[tuple[str, int]]], cores: int) -> None:
    env = Clock()
    host = Host(env, HostSettings(cores, SLICE, TICK), Random(1))
    mutex = Mutex(env, host)
    workers = [Worker(env, host, (step for step in script), mutex) for script in scripts]
    for worker in workers:
        worker.start()
    run(env, 10**9)
    assert all(worker.finished is not None for worker in workers)
    for worker, script in zip(workers, scripts, strict=True):
        assert worker.ran == sum(ns for kind, ns in script if kind != "sleep")


def test_a_core_that_looks_in_vain_looks_the_less_often() -> None:
    env = Clock()
    host = Host(env, HostSettings(2, SLICE, TICK), Random(1))

    def naps() -> Script:
        while True:
            yield "run", 10_000
            yield "sleep", 40_000

    Worker(env, host, naps()).start()
    Worker(env, host, busy(10**12)).start(at=1)  # on the other core, where nobody waits
    before = host._share
    run(env, 1_000_000_000)
    assert host._share < before / 100
