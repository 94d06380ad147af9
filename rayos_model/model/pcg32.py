"""The random numbers both systems draw: PCG32 streams and quantile tables, as in `docs/explanation/mechanism.md`.

`tests/data/random_vectors.json` holds vectors that this module and `kernel/random.c` must both reproduce.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

STREAM_THINK: Final = 0
STREAM_GAP: Final = 1
STREAM_FAULTS: Final = 2
STREAM_HOSTILE: Final = 3
STREAM_JITTER: Final = 2
STREAM_IPI_DELAY: Final = 3
STREAM_HOST: Final = 4  # of the model alone

_MULTIPLIER: Final = 6364136223846793005
_MASK64: Final = (1 << 64) - 1


class Random:
    """One PCG32 (XSH-RR 64/32) stream, named by (seed, client, generation, stream)."""

    __slots__ = ("_increment", "_state")

    def __init__(self, seed: int, client: int = 0, generation: int = 0, stream: int = 0) -> None:
        self._increment = (((client + generation * 4096) * 4 + stream) << 1 | 1) & _MASK64
        self._state = 0
        self.next()
        self._state = (self._state + seed) & _MASK64
        self.next()

    def next(self) -> int:
        """The next number, uniform on 0 … 2³² − 1."""
        old = self._state
        self._state = (old * _MULTIPLIER + self._increment) & _MASK64
        word = ((old >> 18 ^ old) >> 27) & 0xFFFFFFFF
        turn = old >> 59
        return (word >> turn | word << (32 - turn)) & 0xFFFFFFFF

    def quantile(self, table: Sequence[int]) -> int:
        """A draw from a quantile table of 1025 ascending entries (ns), interpolated linearly."""
        drawn = self.next()
        index = drawn >> 22
        low = table[index]
        return low + ((table[index + 1] - low) * (drawn & 0x3FFFFF) >> 22)
