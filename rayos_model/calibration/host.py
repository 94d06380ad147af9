"""How the host shares its cores among busy threads: what the model needs of processors that run at once.

Must not run the kernel.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
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
_WAKES: Final = 401
_ASLEEP_S: Final = 0.001
_ANSWER_BYTES: Final = 20
_ANSWER: Final = """
import os
from time import perf_counter_ns as clock
os.sched_setaffinity(0, [{core}])
while os.read(0, 1):
    os.write(1, b"%20d" % clock())
"""


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def turn_ns(seconds: float = SECONDS) -> int:
    """For how long a thread keeps a core that others wait for, ns: the median over `seconds` of twice as many busy
    processes as this one may use cores.
    """
    command = _python(_SPIN.format(seconds=seconds))
    number = _PROCESSES_A_CORE * len(os.sched_getaffinity(0))
    busy = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    try:
        runs = sorted(int(run) for one in busy for run in one.communicate()[0].split())
    finally:
        for one in busy:
            one.kill()
    return runs[len(runs) // 2] if runs else _USUAL_NS


def slice_ns() -> int:
    """The slice that Linux' scheduler gives a thread (`base_slice_ns`); what is usual where it does not tell."""
    try:
        found = re.search(r"se\.slice\s*:\s*(\d+)", Path("/proc/self/sched").read_text("utf-8"))
    except OSError:
        found = None
    return int(found[1]) if found else _USUAL_NS


def wake_ns() -> int:
    """How long an idle core takes to run a thread that was woken from another one, ns: a median; 0 on a single core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return 0
    command = _python(_ANSWER.format(core=cores[1]))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        os.sched_setaffinity(0, cores[:1])
        try:
            delays = []
            for _ in range(_WAKES):
                time.sleep(_ASLEEP_S)
                asked = time.perf_counter_ns()
                other.stdin.write(b"?")
                delays.append(int(other.stdout.read(_ANSWER_BYTES) or asked) - asked)
        finally:
            os.sched_setaffinity(0, cores)
            other.stdin.close()
    return sorted(delays)[_WAKES // 2]
