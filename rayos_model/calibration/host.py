"""Measurements of the host's scheduler: time slice, preemption, wake-up and context-switch times.

The model needs them for CPUs that run in parallel (MTTCG). Must not run the kernel.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median_high
from typing import Final

SECONDS: Final = 1.0
_USUAL_NS: Final = 4_000_000
_PROCESSES_A_CORE: Final = 2
_SPIN: Final = """
from time import perf_counter_ns as clock
began = run = last = clock()
runs = []
while last - began < {seconds} * 1e9:
    now = clock()
    if now - last > 300_000:
        runs.append(last - run)
        run = now
    last = now
print(*runs[1:])
"""
_ANSWER: Final = """
import os
from time import perf_counter_ns as clock
os.sched_setaffinity(0, [{core}])
while os.read(0, 1):
    os.write(1, {answer})
"""
_WAKES: Final = 401
_ASLEEP_S: Final = 0.001
_CLOCK: Final = 'b"%20d" % clock()'
_CLOCK_BYTES: Final = 20
_ROUNDS: Final = 401
_TIMES: Final = 50  # a round


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def turn_ns(seconds: float = SECONDS) -> int:
    """Time for which a thread keeps a contended core, ns: median over `seconds`, with two busy processes per core."""
    command = _python(_SPIN.format(seconds=seconds))
    number = _PROCESSES_A_CORE * len(os.sched_getaffinity(0))
    busy = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    try:
        runs = [int(run) for one in busy for run in one.communicate()[0].split()]
    finally:
        for one in busy:
            one.kill()
    return median_high(runs) if runs else _USUAL_NS


def slice_ns() -> int:
    """Time slice of Linux's scheduler (`base_slice_ns`), ns; 4 ms where the kernel does not report it."""
    try:
        found = re.search(r"se\.slice\s*:\s*(\d+)", Path("/proc/self/sched").read_text("utf-8"))
    except OSError:
        found = None
    return int(found[1]) if found else _USUAL_NS


@contextmanager
def _answering(core: int, answer: str) -> Iterator[tuple[int, int]]:
    """File descriptors to write to and to read from a process pinned to `core`; this process is pinned to the first."""
    cores = os.sched_getaffinity(0)
    command = _python(_ANSWER.format(core=core, answer=answer))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        os.sched_setaffinity(0, [min(cores)])
        try:
            yield other.stdin.fileno(), other.stdout.fileno()
        finally:
            os.sched_setaffinity(0, cores)
            other.stdin.close()


def wake_ns() -> int:
    """Delay from waking a thread on an idle core to its running, ns: median; 0 on a host with one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return 0
    delays = []
    with _answering(cores[1], _CLOCK) as (ask, answer):
        for _ in range(_WAKES):
            time.sleep(_ASLEEP_S)
            asked = time.perf_counter_ns()
            os.write(ask, b"?")
            delays.append(int(os.read(answer, _CLOCK_BYTES) or asked) - asked)
    return median_high(delays)


def _exchange_ns(ask: int, answer: int) -> float:
    """Time of one write and one read of a byte, ns: mean over a round."""
    began = time.perf_counter_ns()
    for _ in range(_TIMES):
        os.write(ask, b"?")
        os.read(answer, 1)
    return (time.perf_counter_ns() - began) / _TIMES


def switch_ns() -> int:
    """Context-switch time of a core, ns: median over rounds.

    Half of a round trip between two processes on one core, less the cost of the pipes (as lmbench's lat_ctx; McVoy and
    Staelin, 1996).
    """
    read, write = os.pipe()
    try:
        with _answering(min(os.sched_getaffinity(0)), 'b"!"') as (ask, answer):
            rounds = [_exchange_ns(ask, answer) / 2 - _exchange_ns(write, read) for _ in range(_ROUNDS)]
    finally:
        os.close(read)
        os.close(write)
    return max(round(median_high(rounds)), 0)
