"""Metrics of a run: values with units and intervals, a per-second table, latency histograms.

Most metrics cover the time from the end of warm-up to the scenario's duration. Client creation, which mostly happens
during warm-up, is covered from the start; refusals, crashes, hangs, protocol errors and the memory balance are those of
the whole run. Intervals are 95 % intervals from order statistics. Must not know which system made the run.
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
"""Operation → trace kind of its measurements (arg: ns)."""

SECOND_COLUMNS: Final = ("time_s", "cpu_percent", "memory_kb", "p99_us", "fps", "dropped")
"""Columns of the per-second table. `time_s` is the end of the second, `p99_us` is of commit-to-present."""


@dataclass(frozen=True, slots=True)
class Value:
    """A metric's value in its unit, with its 95 % interval if known."""

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
    """All metrics of one run."""

    values: Mapping[str, Value]
    """Metric name → value; a metric without measurements is absent."""
    seconds: Mapping[str, list[float | None]] = field(default_factory=dict)
    """Each of `SECOND_COLUMNS` → one value per second of the whole run; None for a p99 without samples."""
    histograms: Mapping[str, LatencyHistogram] = field(default_factory=dict)
    """Operation → its latencies."""

    def __getitem__(self, name: str) -> float:
        """A metric's value in its unit. Raises `KeyError` for a metric without measurements."""
        return self.values[name].value

    def histogram(self, operation: str) -> LatencyHistogram:
        """The latencies of an operation; an empty histogram where none was measured."""
        return self.histograms[operation] if operation in self.histograms else LatencyHistogram()

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form, without loss."""
        return {
            "values": {name: value.to_dict() for name, value in self.values.items()},
            "seconds": {name: list(column) for name, column in self.seconds.items()},
            "histograms": {name: histogram.to_dict() for name, histogram in self.histograms.items()},
        }

    @classmethod
    def of(cls, form: MetricsForm) -> Self:
        """The inverse of `to_dict`. Raises `ValueError` for an inconsistent histogram."""
        histograms = {name: LatencyHistogram.of(one) for name, one in form.histograms.items()}
        return cls(form.values, form.seconds, histograms)


class MetricsForm(BaseModel):
    """The document of `Metrics.to_dict`."""

    model_config = STRICT

    values: dict[str, Value]
    seconds: dict[str, list[float | None]]
    histograms: dict[str, HistogramForm]


METRICS_FORM: Final = TypeAdapter(MetricsForm)
VALUES_FORM: Final = TypeAdapter(dict[str, Value])
"""Metric → value, as in a stored point of a sweep."""
