"""Ctrl-C while the compiled model runs: held back, and let through between two chunks of the trace."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Holds signals back while compiled code runs; the block calls what it is given now and then, which delivers them.

    A signal handler that raises in the middle of compiled code can abort the process. Where another thread than the
    main one runs the model, or a handler is not one of Python's, signals are left as they are.
    """
    handlers = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
    if not handlers or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    held: list[tuple[int, FrameType | None]] = []

    def check() -> None:
        if held:
            number, frame = held.pop()
            handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, lambda number, frame: held.append((number, frame)))
    try:
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    check()
