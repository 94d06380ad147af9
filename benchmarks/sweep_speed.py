"""What a second worker is worth: a sweep of 100 points by one process and by two.

    python benchmarks/sweep_speed.py [--duration SECONDS] [--jobs N]

Nothing is asserted here; benchmarks/README.md says how to read it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

CLIENTS = tuple(range(4, 44, 4))
DAMAGE = tuple(tenths / 10 for tenths in range(1, 11))


def sweep_here(jobs: int, duration_s: float, target: Path) -> None:
    """The sweep in this process; prints the CPU seconds of the process, start included, and of its workers."""
    from rayos_model.api import load_scenario, sweep

    settings = {"clients": CLIENTS, "clients.*.damage": DAMAGE}
    sweep(load_scenario("soak-16", duration_s=duration_s), settings, jobs=jobs, out=target)
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"own": own.ru_utime + own.ru_stime, "workers": workers.ru_utime + workers.ru_stime}))


def measure(jobs: int, duration_s: float) -> dict[str, float]:
    """Wall and CPU seconds of the sweep in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="rayos-benchmark-") as scratch:
        command = [sys.executable, __file__, "--duration", str(duration_s), "--here", str(jobs), f"{scratch}/t.parquet"]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - started
    spent: dict[str, Any] = json.loads(done.stdout)
    return {"wall": wall, **spent}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--duration", type=float, default=10.0, help="virtual seconds of each point")
    options.add_argument("--jobs", type=int, default=2, help="workers to compare with one process")
    options.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.here:
        sweep_here(int(given.here[0]), given.duration, Path(given.here[1]))
        return
    alone, together = measure(1, given.duration), measure(given.jobs, given.duration)
    points = len(CLIENTS) * len(DAMAGE)
    table = Table(title=f"sweep of {points} points, {given.duration:g} virtual seconds each")
    for heading in ("processes", "wall, s", "CPU, s", "of that serial, s"):
        table.add_column(heading, justify="right")
    table.add_row("1", f"{alone['wall']:.1f}", f"{alone['own']:.1f}", "–")
    cpu = together["own"] + together["workers"]
    table.add_row(str(given.jobs), f"{together['wall']:.1f}", f"{cpu:.1f}", f"{together['own']:.1f}")
    console = Console()
    console.print(table)
    console.print(f"measured: {alone['wall'] / together['wall']:.2f} times as fast")
    bound = together["own"] + together["workers"] / given.jobs
    console.print(f"from CPU time, on idle cores: {alone['own'] / bound:.2f} times as fast")


if __name__ == "__main__":
    main()
