"""The spread of costs on platforms that do not repeat themselves: draws from the quantiles that calibration kept.

Draws are independent of each other. Must not know what the costs are of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from random import Random

from rayos_model.parameters import PROBABILITIES


class Noise:
    """A stream of draws, named by (seed, stream)."""

    def __init__(self, seed: int, stream: int) -> None:
        self._uniform = Random(seed << 16 | stream).random

    def draw(self, spread: Sequence[float]) -> float:
        """From the distribution whose quantiles at `PROBABILITIES` are given; linear between them."""
        drawn = self._uniform()
        above = min(bisect_right(PROBABILITIES, drawn), len(PROBABILITIES) - 1)
        low, high = PROBABILITIES[above - 1], PROBABILITIES[above]
        return spread[above - 1] + (spread[above] - spread[above - 1]) * (drawn - low) / (high - low)
