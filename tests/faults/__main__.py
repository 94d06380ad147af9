"""A fault campaign: `make faults`, or

    python -m tests.faults [FAULT …] [--times 100] [--seed 1]

Each fault strikes a command at a random instant. The command must end with the exit status that is documented and at
most a few lines, leave no process and no file, and the runs made before must still be there byte by byte.

Exit status: 0 all of that held · 1 not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rayos_model.run.run import Run
from rayos_model.toolchain.temporary import temporary_folder

_RAYOS: Final = (sys.executable, "-m", "rayos_model")
_KERNEL_RUN: Final = ("run", "soak-4", "--on", "kernel", "--duration", "12", "--trace-points")
_MODEL_RUN: Final = ("run", "soak-16", "--on", "model", "--duration", "40")
_PATIENCE_S: Final = 120.0
_LONGEST_OUTPUT: Final = 30
"""Lines on standard error: the error, and what the console said last."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with runs made before, and their digest."""

    folder: Path
    digest: str

    @classmethod
    def made(cls, folder: Path) -> Place:
        for on, name in (("model", "good-model"), ("kernel", "good-kernel")):
            command = ("run", "soak-4", "--on", on, "--duration", "2", "--out", name)
            subprocess.run([*_RAYOS, *command], cwd=folder, check=True, capture_output=True)
        return cls(folder, digest_of(folder))

    def rayos(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Starts a command in a new process group."""
        return subprocess.Popen(
            [*_RAYOS, *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"preexec_fn": heed_interrupts, **options},
        )

    def check(self, process: subprocess.Popen[str], allowed: tuple[int, ...], *, leaves: bool = False) -> str:
        """How the command ended, after all checks. Raises `AssertionError`."""
        try:
            _, printed = process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"it still ran after {_PATIENCE_S:.0f} s") from None
        if process.returncode not in allowed:
            shutil.rmtree(self.folder / "new", ignore_errors=True)
        assert process.returncode in allowed, f"exit {process.returncode}, expected {allowed}: {printed[-500:]}"
        assert "Traceback" not in printed, printed[-2000:]
        assert len(printed.splitlines()) <= _LONGEST_OUTPUT, printed[-2000:]
        for _ in range(100):  # QEMU dies with the thread that started it, a moment later
            if not (alive := qemus_below(self.folder)):
                break
            time.sleep(0.1)
        assert not alive, f"QEMU still runs: {alive}"
        new = self.folder / "new"
        if new.exists():  # whatever the exit status: a run that exists is whole
            Run.load(new)
            shutil.rmtree(new)
        if not leaves:
            assert digest_of(self.folder) == self.digest, (
                f"files have changed: {sorted(path.name for path in self.folder.iterdir())}"
            )
        return f"exit {process.returncode}"


def heed_interrupts() -> None:
    """A command that is started in the background of a shell would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def qemus_below(folder: Path) -> list[int]:
    """Processes of QEMU whose working folder is this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = (process / "cwd").readlink() == folder
            if ours and b"qemu-system" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


Fault = Callable[[Place, random.Random], str]

# ---- faults ----------------------------------------------------------------------------------------


def qemu_killed(place: Place, rng: random.Random) -> str:
    """QEMU is killed at any instant of a run: boot, trace drain, screenshot."""
    process = place.rayos(*_KERNEL_RUN, "--out", "new")
    end = time.monotonic() + _PATIENCE_S
    while not (found := qemus_below(place.folder)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(rng.random() * 2.5)
    for pid in qemus_below(place.folder) or found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return place.check(process, (0, 3))


def _signalled(number: signal.Signals, command: tuple[str, ...], longest_s: float) -> Fault:
    def strike(place: Place, rng: random.Random) -> str:
        process = place.rayos(*command, "--out", "new")
        time.sleep(1.5 + rng.random() * longest_s)  # Python has started, and the handlers are in place
        process.send_signal(number)
        killed = number is signal.SIGKILL
        # Before the handlers are in place, and after the run is complete, the signal ends Python itself.
        found = place.check(process, (0, -number, 128 + number), leaves=killed)
        if killed:  # the next command tidies up
            place.check(place.rayos("run", "soak-1", "--on", "model", "--duration", "2", "--out", "new"), (0,))
        return found

    return strike


def file_too_large(place: Place, rng: random.Random) -> str:
    """No file may grow beyond a limit; the system then refuses to write, as on a full disk."""
    limit = rng.choice((0, 100, 5_000, rng.randrange(1, 400_000)))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    process = place.rayos(*_MODEL_RUN, "--out", "new", preexec_fn=limited, env=environment)
    return place.check(process, (0, 3))


def no_place(place: Place, rng: random.Random) -> str:
    """The output lies below a file, or is a folder with content."""
    out, allowed = rng.choice((("good-model/metrics.json/new", (2, 3)), ("good-model", (2, 3)), ("/proc/new", (3,))))
    return place.check(place.rayos(*_MODEL_RUN, "--out", out), allowed)


def kernel_poisoned(place: Place, rng: random.Random) -> str:
    """The kernel in the cache is damaged; it must be built anew."""
    with temporary_folder("cache") as cache:
        environment = os.environ | {"XDG_CACHE_HOME": str(cache), "RAYOS_INTERPRETED": "1"}
        command = ("run", "soak-1", "--on", "kernel", "--duration", "2", "--out", "new")
        place.check(place.rayos(*command, env=environment), (0,))
        (kernel,) = (cache / "rayos-model" / "kernel").glob("*.elf")
        whole = kernel.read_bytes()
        kernel.write_bytes(rng.choice((b"", whole[: len(whole) // 2], bytes(len(whole)), whole[:-1] + b"\xff")))
        found = place.check(place.rayos(*command, env=environment), (0,))
        assert kernel.read_bytes() == whole, "the damaged kernel is still there"
        return found


def outputs_raced(place: Place, rng: random.Random) -> str:
    """Two runs end with the same name: both are kept."""
    command = ("run", "soak-1", "--on", "model", "--duration", "2", "--out", "new")
    first, second = place.rayos(*command), place.rayos(*command)
    codes = sorted((first.wait(_PATIENCE_S), second.wait(_PATIENCE_S)))
    names = [name for name in ("new", "new-2") if (place.folder / name).is_dir()]
    assert len(names) == codes.count(0), f"{codes} but {names}"
    assert set(codes) <= {0, 2}, codes
    for name in names:
        shutil.rmtree(place.folder / name)
    assert digest_of(place.folder) == place.digest
    return f"{len(names)} kept"


FAULTS: Final[Mapping[str, Fault]] = {
    "qemu-killed": qemu_killed,
    **{
        f"{name}-{number.name.lower()}": _signalled(number, command, longest_s)
        for name, command, longest_s in (("model", _MODEL_RUN, 2.0), ("kernel", _KERNEL_RUN, 3.0))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
    },
    "file-too-large": file_too_large,
    "no-place": no_place,
    "kernel-poisoned": kernel_poisoned,
    "outputs-raced": outputs_raced,
}
"""The faults by name."""
_DIVISORS: Final = {"qemu-killed": 1, "kernel-poisoned": 25}
"""Fault → divisor of `--times`; default 5."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Injects faults of the platform into whole commands.")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"default: all ({', '.join(FAULTS)})")
    parser.add_argument("--times", type=int, default=100, metavar="N", help="how often QEMU is killed (default: 100)")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    failed = 0
    with temporary_folder("faults") as folder:
        place = Place.made(folder)
        for name in options.faults or FAULTS:
            rng = random.Random(f"{options.seed} {name}")
            outcomes: Counter[str] = Counter()
            for _ in range(max(1, options.times // _DIVISORS.get(name, 5))):
                try:
                    outcomes[FAULTS[name](place, rng)] += 1
                except AssertionError as error:
                    failed += 1
                    outcomes["FAILED"] += 1
                    print(f"{name}: {error}", flush=True)
            print(f"{name}: {', '.join(f'{count} × {one}' for one, count in sorted(outcomes.items()))}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
