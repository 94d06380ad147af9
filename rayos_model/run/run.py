"""A run: a folder with scenario, provenance, marker log, trace, metrics and verdicts. Must not know how it was made.

`RunWriter` writes it and makes it visible only when it is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from rayos_model.contract import strict
from rayos_model.contract.trace_record import Records
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import METRICS_FORM, Metrics
from rayos_model.run.provenance import PROVENANCE_FORM
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario
from rayos_model.trace.parquet import read_trace
from rayos_model.verdict.verdict import VERDICTS_FORM, Verdict

SCENARIO: Final = "scenario.json"
PROVENANCE: Final = "provenance.json"
MARKERS: Final = "markers.log"
TRACE: Final = "trace.parquet"
METRICS: Final = "metrics.json"
VERDICTS: Final = "verdicts.json"
SCREENSHOT: Final = "screenshot.png"

_REQUIRED: Final = (SCENARIO, PROVENANCE, MARKERS, TRACE, METRICS, VERDICTS)


@dataclass(frozen=True, slots=True)
class Run:
    """A complete run. Trace and marker log are read from the folder when they are needed."""

    path: Path
    scenario: Scenario
    provenance: Mapping[str, Any]
    metrics: Metrics
    verdicts: tuple[Verdict, ...]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a run's folder. Raises `BadInput`, naming what is missing or damaged, when it is no complete run."""
        path = Path(path)
        if not path.is_dir():
            raise BadInput(f"{path}: no such run; expected a folder made by `rayos run`")
        missing = [name for name in _REQUIRED if not (path / name).is_file()]
        if missing:
            raise BadInput(f"{path}: not a complete run: {', '.join(missing)} missing")
        scenario = load(path / SCENARIO)
        provenance = strict.read(path / PROVENANCE, PROVENANCE_FORM).model_dump(exclude_unset=True)
        verdicts = strict.read(path / VERDICTS, VERDICTS_FORM)
        try:
            metrics = Metrics.of(strict.read(path / METRICS, METRICS_FORM))
        except ValueError as error:
            raise BadInput(f"{path / METRICS}: {error}") from None
        return cls(path, scenario, provenance, metrics, tuple(verdicts))

    @property
    def system(self) -> str:
        """`"model"` or `"kernel"`."""
        return str(self.provenance["system"])

    @property
    def platform(self) -> str:
        """`"icount"`, `"tcg"` or `"kvm"`; for the model, the platform of its calibration. Empty if unknown."""
        return str(self.provenance.get("platform", ""))

    @property
    def label(self) -> str:
        """The name of the run in legends and headings."""
        return " ".join(filter(None, (self.scenario.name, "on", self.system, self.platform and f"({self.platform})")))

    @property
    def passed(self) -> bool:
        """Whether every criterion holds."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def trace_path(self) -> Path:
        """The path of the trace, a Parquet file; see `rayos_model.trace`."""
        return self.path / TRACE

    def trace(self, *kinds: int) -> Records:
        """The records of the trace, or those of the given kinds, in the order written."""
        return read_trace(self.trace_path, kinds or None)

    def markers(self) -> str:
        """The text of the marker log."""
        return strict.content(self.path / MARKERS, 1 << 30).decode("utf-8", errors="replace")

    @property
    def screenshot(self) -> Path | None:
        """The path of the screenshot; None when there is none."""
        path = self.path / SCREENSHOT
        return path if path.is_file() else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable summary: the document of `rayos run --json`."""
        return {
            "ok": self.passed,
            "path": str(self.path),
            "scenario": self.scenario.name,
            "system": self.system,
            "platform": self.platform,
            "provenance": dict(self.provenance),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "metrics": {name: value.to_dict() for name, value in self.metrics.values.items()},
        }
