"""The random numbers both systems draw: PCG32 streams and quantile tables, as in `docs/explanation/mechanism.md`.

`tests/data/random_vectors.json` holds vectors that this module and `kernel/core/random.c` must both reproduce.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

STREAM_THINK: Final = 0
STREAM_GAP: Final = 1
STREAM_FAULTS: Final = 2
STREAM_HOSTILE: Final = 3
STREAM_JITTER: Final = 2
STREAM_IPI_DELAY: Final = 3
STREAM_HOST: Final = 4  # of the model alone

_MULTIPLIER: Final = 6364136223846793005
_MULTIPLIER_HIGH: Final[i64] = 1481765933  # _MULTIPLIER >> 32
_MULTIPLIER_LOW: Final[i64] = 1284865837  # _MULTIPLIER & 0xFFFFFFFF
_MASK64: Final = (1 << 64) - 1


class Congruence:
    """The recurrence x = x * 6364136223846793005 + increment (mod 2^64), in halves of 32 bits.

    Every product here stays below 2^62: compiled, these are machine words. Products beyond that would be Python's long
    integers, inside of which a signal handler that raises aborts a compiled process.
    """

    __slots__ = ("_increment_high", "_increment_low", "high", "low")

    def __init__(self, start: int, increment: int) -> None:
        self.high: i64 = start >> 32 & 0xFFFFFFFF
        self.low: i64 = start & 0xFFFFFFFF
        self._increment_high: i64 = increment >> 32 & 0xFFFFFFFF
        self._increment_low: i64 = increment & 0xFFFFFFFF

    def step(self) -> None:
        """Goes on to the next x, whose halves are `high` and `low`."""
        high, low = self.high, self.low
        part: i64 = (low & 0xFFFF) * _MULTIPLIER_LOW + self._increment_low
        upper: i64 = (low >> 16) * _MULTIPLIER_LOW + (part >> 16)
        self.low = (upper & 0xFFFF) << 16 | part & 0xFFFF
        crossed: i64 = _low_product(high, _MULTIPLIER_LOW) + _low_product(low, _MULTIPLIER_HIGH)
        self.high = (crossed + (upper >> 16) + self._increment_high) & 0xFFFFFFFF

    def add(self, amount: int) -> None:
        """Adds to x, modulo 2^64."""
        high: i64 = amount >> 32 & 0xFFFFFFFF
        low: i64 = amount & 0xFFFFFFFF
        low += self.low
        self.low = low & 0xFFFFFFFF
        self.high = (self.high + high + (low >> 32)) & 0xFFFFFFFF


def _low_product(one: i64, other: i64) -> i64:
    """A number that is `one * other` modulo 2^32, of two numbers below 2^32."""
    return one * (other & 0xFFFF) + ((one * (other >> 16) & 0xFFFF) << 16)


class Random:
    """One PCG32 (XSH-RR 64/32) stream, named by (seed, client, generation, stream)."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, client: int = 0, generation: int = 0, stream: int = 0) -> None:
        self._state = Congruence(0, (((client + generation * 4096) * 4 + stream) << 1 | 1) & _MASK64)
        self.next()
        self._state.add(seed)
        self.next()

    def next(self) -> int:
        """The next number, uniform on 0 … 2³² − 1."""
        state = self._state
        high, low = state.high, state.low
        state.step()
        word: i64 = (high >> 13 ^ (high << 5 | low >> 27)) & 0xFFFFFFFF
        turn: i64 = high >> 27
        return int((word >> turn | word << (32 - turn)) & 0xFFFFFFFF)

    def quantile(self, table: Sequence[int]) -> int:
        """A draw from a quantile table of 1025 ascending entries (ns, below 2^42), interpolated linearly."""
        drawn = self.next()
        index, share = drawn >> 22, drawn & 0x3FFFFF
        low = table[index]
        difference = table[index + 1] - low
        # difference * share >> 22, in two products below 2^62
        return low + (difference >> 22) * share + ((difference & 0x3FFFFF) * share >> 22)
