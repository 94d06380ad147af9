"""Child processes that cannot outlive their parent and leave no file behind. Knows nothing of QEMU.

Files shared with the child are anonymous: they are passed as open descriptors and are freed with the last process
that has them open, also when that process is killed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

_PR_SET_PDEATHSIG: Final = 1
# setpriv makes the system kill the child when the parent dies; the shell covers a parent that died before that.
_GUARD: Final = 'test "$PPID" = "$0" && exec "$@"'


class AnonymousFile:
    """A file without a name, in memory where the system supports it, that a child opens by `child_path`."""

    def __init__(self, label: str, content: bytes = b"") -> None:
        """Raises `OSError` when there is no room."""
        if hasattr(os, "memfd_create"):
            self._file: IO[bytes] = os.fdopen(os.memfd_create(label), "r+b", buffering=0)
        else:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by close()
        self.write(content)

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    @property
    def child_path(self) -> str:
        """How a child that inherits `descriptor` opens the file."""
        return f"{'/proc/self/fd' if sys.platform == 'linux' else '/dev/fd'}/{self.descriptor}"

    def clear(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)

    def write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self._file.seek(0)

    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def read(self, offset: int = 0, limit: int = 1 << 30) -> bytes:
        """The content from `offset` on, at most `limit` bytes."""
        return os.pread(self.descriptor, min(limit, max(0, self.size() - offset)), offset)

    def read_into(self, buffer: memoryview) -> int:
        """Fills `buffer` from the start of the file; returns the number of bytes read."""
        return os.preadv(self.descriptor, [buffer], 0)

    def close(self) -> None:
        self._file.close()


def spawn(command: Sequence[str], descriptors: Sequence[int], stderr: int) -> subprocess.Popen[bytes]:
    """Starts `command` in a new session (a terminal's Ctrl-C does not reach it), with `descriptors` open.

    On Linux the child is killed when the thread that called this ends, however it ends. Raises `OSError` when the
    program cannot be started.
    """
    guarded = list(command)
    before_exec: Callable[[], None] | None = None
    if sys.platform == "linux":
        setpriv, shell = shutil.which("setpriv"), shutil.which("sh")
        if setpriv and shell:
            guarded = [setpriv, "--pdeathsig", "KILL", "--", shell, "-c", _GUARD, str(os.getpid()), *command]
        else:
            before_exec = _death_signal(os.getpid())
    return subprocess.Popen(
        guarded,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=list(descriptors),
        start_new_session=True,
        preexec_fn=before_exec,  # only where setpriv is missing
    )


def _death_signal(parent: int) -> Callable[[], None]:
    # The library is loaded here, because between fork and exec only system calls are safe.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)

    return before_exec


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the child with its process group and reaps it. Does nothing if it was already reaped."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait()


class Stillness:
    """Detects a process that does nothing: for `limit_s` no thread of it has run or was ready to run.

    A process that only waits for a busy host is ready to run, so it is never still. With `stopped` it is still only
    while a signal has stopped it. Without /proc no process is.
    """

    def __init__(self, pid: int, limit_s: float, *, stopped: bool = False) -> None:
        self._pid = pid
        self._stopped = stopped
        self._limit_s = limit_s
        self._since = time.monotonic()
        self._spent: int | None = None

    def reached(self) -> bool:
        """Whether it has been still for as long as the limit; to be asked several times a second."""
        now = time.monotonic()
        spent = self._cpu_ticks()
        if spent is None or spent != self._spent:
            self._spent, self._since = spent, now
        return now - self._since >= self._limit_s

    def _cpu_ticks(self) -> int | None:
        """CPU time of all threads; None if one of them is not still, or that is not known."""
        total = 0
        try:
            for task in Path(f"/proc/{self._pid}/task").iterdir():
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                if fields[0] in "RD" or (self._stopped and fields[0] != "T"):
                    return None
                total += int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            return None
        return total


def first_output(
    command: Sequence[str], *, still_s: float, total_s: float, limit_bytes: int = 1 << 16
) -> tuple[int, str]:
    """Exit status and standard output of a short command.

    Raises `OSError` when it cannot be started; `TimeoutError` when it does nothing for `still_s`, runs for longer than
    `total_s` or prints more than `limit_bytes`. It is killed then.
    """
    printed = AnonymousFile("output")
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=printed.descriptor, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        stillness, end = Stillness(process.pid, still_s), time.monotonic() + total_s
        while process.poll() is None:
            if printed.size() > limit_bytes:
                raise TimeoutError(f"it prints more than {limit_bytes} bytes")
            if stillness.reached() or time.monotonic() > end:
                raise TimeoutError("it does not end")
            time.sleep(0.01)
        return process.returncode, os.pread(printed.descriptor, limit_bytes, 0).decode("utf-8", "replace")
    finally:
        kill(process)
        printed.close()
