"""Metrics of a run, collected from its trace as it streams by. Must not know which system made the trace.

Measured is what happens from the end of warm-up to the scenario's duration. Client creation, of which warm-up mostly
consists, counts from the start; refusals, crashes, hangs, protocol errors and the memory balance count for the whole
run.
Intervals are 95 % order-statistics intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.metric_units import OPERATIONS
from rayos_model.contract.strict import STRICT
from rayos_model.metrics.histogram import HistogramForm, LatencyHistogram

OPERATION_KIND: Final = {op: TraceKind[f"M_{op.upper()}"] for op in OPERATIONS}
"""Operation → the trace kind of its measurements (arg: ns)."""

SECOND_COLUMNS: Final = ("time_s", "cpu_percent", "memory_kb", "p99_us", "fps", "dropped")
"""Columns of the per-second table; `time_s` is the end of the second, `p99_us` that of commit-to-present."""


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value in its unit, with the confidence interval where there is one."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        interval = {} if self.low is None else {"low": self.low, "high": self.high}
        return {"value": self.value, "unit": self.unit, **interval}


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metric name → value (a metric without measurements is absent), the per-second table and latency histograms.

    `seconds` maps each of `SECOND_COLUMNS` to one value a second, over the whole run; a p99 without samples is None.
    """

    values: Mapping[str, Value]
    seconds: Mapping[str, list[float | None]] = field(default_factory=dict)
    histograms: Mapping[str, LatencyHistogram] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """A metric's value in its unit. Raises `KeyError` when it has no measurements."""
        return self.values[name].value

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form, complete."""
        return {
            "values": {name: value.to_dict() for name, value in self.values.items()},
            "seconds": {name: list(column) for name, column in self.seconds.items()},
            "histograms": {name: histogram.to_dict() for name, histogram in self.histograms.items()},
        }

    @classmethod
    def of(cls, form: MetricsForm) -> Self:
        """The inverse of `to_dict`. Raises `ValueError` for a histogram that contradicts itself."""
        histograms = {name: LatencyHistogram.of(one) for name, one in form.histograms.items()}
        return cls(form.values, form.seconds, histograms)


class MetricsForm(BaseModel):
    """The document that `Metrics.to_dict` makes."""

    model_config = STRICT

    values: dict[str, Value]
    seconds: dict[str, list[float | None]]
    histograms: dict[str, HistogramForm]


METRICS_FORM: Final = TypeAdapter(MetricsForm)
VALUES_FORM: Final = TypeAdapter(dict[str, Value])
"""Metric → value, such as a kept point of a sweep."""
