"""The stress test's steps and RAYOS_STRESS lines (docs/explanation/load.md), as in the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rayos_model.contract.image import Load, Settings
from rayos_model.model.load.generator import WHOLE_PPM, LoadGenerator

SECOND_NS = 1_000_000_000


def p99(latencies: Sequence[int]) -> int:
    """The value of rank ⌈0.99 · count⌉ of sorted latencies; 0 without any."""
    return latencies[-(-99 * len(latencies) // 100) - 1] if latencies else 0


class Stress:
    """Takes the load through its steps, at whole seconds, and says what that does to latency."""

    def __init__(
        self,
        settings: Settings,
        load: Load,
        generator: LoadGenerator,
        say: Callable[..., None],
        memory_percent: Callable[[], int],
    ) -> None:
        self._duration_ns = settings.duration_ns
        self._load = load
        self._generator = generator
        self._say = say
        self._memory_percent = memory_percent
        self._latencies: list[int] = []  # at the present level, ns
        self._idle_level_ns = 0  # p99 at level 0
        self._limit_ppm = WHOLE_PPM
        self._seconds_at_level = 0

    def start(self) -> None:
        """Announces the test and sets the first level."""
        load = self._load
        parts = [
            name
            for name, amount in (("cpu", load.cpu_threads), ("memory", load.memory_ppm), ("disk", load.disk_iops))
            if amount
        ]
        kind = "combined" if len(parts) > 1 else parts[0] if parts else "cpu"
        self._say("RAYOS_STRESS:START", kind, _thousandths(max(load.steps_ppm, default=WHOLE_PPM)))
        self._generator.set(self._scheduled(0))

    def second(self, second: int, latencies: Sequence[int], busy_percent: int) -> None:
        """A second has ended; `latencies` of commit-to-present in it are sorted, ns."""
        now, level, limit = second * SECOND_NS, self._generator.level_ppm, self._load.latency_limit_ns
        p99_us = p99(latencies) // 1000
        if self._seconds_at_level or self._load.step_ns == SECOND_NS:
            self._latencies += latencies
        if not self._seconds_at_level:
            self._say("RAYOS_STRESS:LOAD_APPLIED", _thousandths(level), busy_percent, self._memory_percent())
        self._seconds_at_level += 1
        self._say("RAYOS_STRESS:LATENCY_SAMPLE", p99_us)
        beyond = bool(limit and level and p99_us > limit // 1000)
        if beyond:
            self._limit_ppm = max((step for step in self._load.steps_ppm if step < level), default=0)
            limited = _thousandths(self._limit_ppm)
            self._say("RAYOS_DIAG", "stress", f"latency beyond its limit, no level above {limited} from now on")
        if beyond or self._step_ends(now):
            self._report(level)
        if self._scheduled(now) != level and now < self._duration_ns:
            self._generator.set(self._scheduled(now))

    def report(self, passed: bool) -> None:
        """The end."""
        self._say("RAYOS_STRESS:COMPLETE", "pass" if passed else "fail")

    def _scheduled(self, now: int) -> int:
        steps = self._load.steps_ppm
        level = steps[min(now // self._load.step_ns, len(steps) - 1)] if steps else WHOLE_PPM
        return min(level, self._limit_ppm)

    def _step_ends(self, now: int) -> bool:
        step_ns, steps = self._load.step_ns, len(self._load.steps_ppm)
        return now >= self._duration_ns or bool(steps and now % step_ns == 0 and now // step_ns < steps)

    def _report(self, level: int) -> None:
        value = p99(sorted(self._latencies))
        if not level:
            self._idle_level_ns = value
        if self._idle_level_ns and value:
            self._say(
                "RAYOS_STRESS:DEGRADATION", _thousandths(level), _thousandths(value * WHOLE_PPM // self._idle_level_ns)
            )
        self._latencies = []
        self._seconds_at_level = 0


def _thousandths(ppm: int) -> str:
    return f"{ppm // WHOLE_PPM}.{ppm % WHOLE_PPM // 1000:03}"
