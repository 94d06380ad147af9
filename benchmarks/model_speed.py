"""What the model costs, as ratios: to bare SimPy in this process and to the kernel's runs of the same scenarios.

    python benchmarks/model_speed.py [--duration SECONDS] [--clients N ...] [--no-kernel]

Absolute speeds belong to a host; ratios travel. Nothing is asserted here; benchmarks/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table
from simpy import Environment, Event

from rayos_model.calibration import load_calibration
from rayos_model.errors import PlatformFailure
from rayos_model.hardware import KernelSystem
from rayos_model.model import ModelSystem
from rayos_model.run.system import System, execute
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.toolchain import model_build

PROCESSES = 64
TIMEOUTS = 4000
REPEATS = 3


def best(work: Callable[[], int]) -> float:
    """Units of work a second, the best of some repeats: what disturbs a host only ever slows it."""
    rates = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - started))
    return max(rates)


def bare_timeouts() -> int:
    """The least that SimPy can do: processes that only wait. Returns the number of events."""
    env = Environment()

    def waiter(period: int) -> Generator[Event, None, None]:
        for _ in range(TIMEOUTS):
            yield env.timeout(period)

    for number in range(PROCESSES):
        env.process(waiter(1000 + number))
    env.run()
    return PROCESSES * TIMEOUTS


def scenario(clients: int, duration_s: float) -> Scenario:
    """`clients` windows repainted at every refresh."""
    group = {
        "count": clients,
        "workload": "rendering",
        "surface": [160, 120],
        "think": {"dist": "exponential", "mean_us": 500},
    }
    name = f"speed-{clients}"
    return from_dict({"name": name, "duration_s": duration_s, "warmup_s": 0, "clients": [group]}, name)


def frames(system: System, what: Scenario, folder: Path) -> Callable[[], int]:
    """Work that runs `what` on `system` into a new directory; returns the client frames that reached the screen."""
    numbers = count()

    def work() -> int:
        run = execute(system, what, folder / f"{system.name}-{what.name}-{next(numbers)}")
        return int(run.metrics["commit_to_present.count"])

    return work


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--duration", type=float, default=10.0, help="virtual seconds of each run")
    options.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    options.add_argument("--no-kernel", action="store_true", help="leave out what needs QEMU")
    given = options.parse_args()
    console = Console()
    model, kernel = ModelSystem(load_calibration()), KernelSystem()
    bare = best(bare_timeouts)
    how = "compiled" if model_build.in_use() else "interpreted"
    table = Table(title=f"model speed, {how}, {given.duration:g} virtual seconds, best of {REPEATS}")
    headings = ("scenario", "frames/s", "bare events a frame", "bare events a virtual second", "virtual/wall")
    for heading in (*headings, "kernel/model wall"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory(prefix="rayos-benchmark-") as scratch:
        soak = load("soak-64").with_overrides(duration_s=given.duration)
        for what in (*(scenario(clients, given.duration) for clients in given.clients), soak):
            simulate = frames(model, what, Path(scratch))
            shown = simulate()  # also fills caches
            rate = best(simulate)
            against = "–"
            if not given.no_kernel:
                try:
                    against = f"{rate / best(frames(kernel, what, Path(scratch))):.2f}"
                except PlatformFailure as failure:
                    console.print(f"kernel: {failure}")
            speed = given.duration * rate / shown
            table.add_row(
                what.name, f"{rate:,.0f}", f"{bare / rate:.1f}", f"{bare / speed:,.0f}", f"{speed:.1f}", against
            )
    console.print(f"bare SimPy: {bare:,.0f} timeouts a second over {PROCESSES} processes")
    console.print(table)


if __name__ == "__main__":
    main()
