"""When and whom a fault strikes: one fault entry of a scenario as a sequence of strikes."""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import VARIANT_ANY, FaultKind
from rayos_model.contract.fault_kinds import FAULT_VARIANTS
from rayos_model.contract.image import Fault
from rayos_model.model.pcg32 import STREAM_FAULTS, Random

PUT_OFF_NS: Final = 10_000_000


class Source:
    """One source of faults: the next instant, and the draws for whom and which variant it strikes."""

    def __init__(self, seed: int, index: int, fault: Fault) -> None:
        self.fault = fault
        self.done = 0
        self._random = Random(seed, index, 0, STREAM_FAULTS)
        self.draw_next()

    def draw_next(self) -> None:
        """Draws when, whom and which; `at_ns` is None when no more will come."""
        fault = self.fault
        when, self.whom, which = (self._random.next() for _ in range(3))
        variants = len(FAULT_VARIANTS[FaultKind(fault.kind).name.lower()])
        self.variant = variants * which >> 32 if fault.variant == VARIANT_ANY else fault.variant
        at_ns = fault.start_ns + self.done * fault.period_ns + (fault.period_ns * when >> 32)
        over = self.done == fault.count or at_ns >= fault.end_ns or (self.done > 0 and not fault.period_ns)
        self.at_ns: int | None = None if over else at_ns

    def put_off(self) -> None:
        """No target is there: somewhat later."""
        assert self.at_ns is not None
        at_ns = self.at_ns + PUT_OFF_NS
        self.at_ns = None if at_ns >= self.fault.end_ns else at_ns


def instant_of(source: Source) -> int:
    assert source.at_ns is not None
    return source.at_ns
