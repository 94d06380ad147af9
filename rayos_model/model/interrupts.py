"""Ctrl-C while the compiled model runs: held back, and let through between two chunks of the trace."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Holds Ctrl-C back while compiled code runs; the block calls what it is given now and then, which lets it through.

    A signal handler that raises in the middle of compiled code can abort the process. Where another thread than the
    main one runs the model, or the handler is not one of Python's, signals are left as they are.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    held: list[tuple[int, FrameType | None]] = []

    def check() -> None:
        if held:
            handler(*held.pop())

    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, handler)
    check()
