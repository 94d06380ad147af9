"""A run: a directory with scenario, provenance, marker log, trace, metrics and verdicts. Must not know who made it.

`RunWriter` writes aside and renames when complete, so that a run that exists is whole.
"""

from __future__ import annotations

import errno
import json
import os
import platform as host
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rayos_model import __version__
from rayos_model.abi import Records
from rayos_model.criteria import Verdict, evaluate
from rayos_model.errors import BadInput, RayosError, StorageFailure
from rayos_model.markers import Log
from rayos_model.metrics import Metrics, MetricsCollector
from rayos_model.scenario import Scenario, load
from rayos_model.trace import TraceWriter, read_trace

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
    """A complete run, read back; the trace and the marker log stay on disk until asked for."""

    path: Path
    scenario: Scenario
    provenance: Mapping[str, Any]
    metrics: Metrics
    verdicts: tuple[Verdict, ...]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a run's directory. Raises `BadInput` when it is no complete run, naming what is missing or broken."""
        path = Path(path)
        if not path.is_dir():
            raise BadInput(f"{path}: no such run; expected a directory that `rayos run` made")
        missing = [name for name in _REQUIRED if not (path / name).is_file()]
        if missing:
            raise BadInput(f"{path}: not a complete run: {', '.join(missing)} missing")
        try:
            provenance = dict(json.loads((path / PROVENANCE).read_text()))
            provenance["system"]
            metrics = Metrics.from_dict(json.loads((path / METRICS).read_text()))
            verdicts = tuple(Verdict(**verdict) for verdict in json.loads((path / VERDICTS).read_text()))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError) as error:
            raise BadInput(f"{path}: damaged run: {type(error).__name__}: {error}") from None
        return cls(path, load(path / SCENARIO), provenance, metrics, verdicts)

    @property
    def system(self) -> str:
        """`"model"` or `"kernel"`."""
        return str(self.provenance["system"])

    @property
    def platform(self) -> str:
        """`"icount"`, `"tcg"`, `"kvm"`; for the model that whose calibration it used. Empty if unknown."""
        return str(self.provenance.get("platform", ""))

    @property
    def label(self) -> str:
        """How it is called in legends and headings."""
        return " ".join(filter(None, (self.scenario.name, "on", self.system, self.platform and f"({self.platform})")))

    @property
    def passed(self) -> bool:
        """Whether every criterion holds."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def trace_path(self) -> Path:
        """The trace, Parquet; see `rayos_model.trace`."""
        return self.path / TRACE

    def trace(self, *kinds: int) -> Records:
        """The trace, or its records of these kinds, in the order written."""
        return read_trace(self.trace_path, kinds or None)

    def markers(self) -> str:
        """The marker log's text."""
        return (self.path / MARKERS).read_text(encoding="utf-8", errors="replace")

    @property
    def screenshot(self) -> Path | None:
        """The last screenshot, where there is one."""
        path = self.path / SCREENSHOT
        return path if path.is_file() else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable summary: what `rayos run --json` prints."""
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

    def _repr_html_(self) -> str:
        from rayos_model.report.html import run_summary

        return run_summary(self)


class RunWriter:
    """Writes one run; a context manager. A system feeds it markers, trace and provenance while it runs.

    On success the directory appears under its name, complete, and `run` is set. On any exception nothing remains.
    Raises `BadInput` at entry when `out` exists and is not an empty directory; `StorageFailure` when writing fails.
    """

    def __init__(self, scenario: Scenario, system: str, out: str | Path | None = None) -> None:
        started = datetime.now(UTC)
        self.scenario = scenario
        self.target = Path(out) if out else Path("runs", f"{scenario.name}-{system}-{started:%Y%m%d-%H%M%S-%f}")
        self.run: Run | None = None
        self._collector = MetricsCollector(scenario)
        self._outcome: tuple[Metrics, tuple[Verdict, ...]] | None = None
        self._provenance: dict[str, Any] = {
            "system": system,
            "scenario": scenario.name,
            "seed": scenario.seed,
            "date": started.isoformat(timespec="seconds"),
            "package_version": __version__,
            "python": host.python_version(),
            "host": f"{host.system()} {host.machine()}",
            "host_cpu": host_cpu(),
            "host_cores": len(os.sched_getaffinity(0)),
        }

    def __enter__(self) -> Self:
        if self.target.exists() and (not self.target.is_dir() or any(self.target.iterdir())):
            raise BadInput(f"{self.target}: exists already; choose another --out or remove it")
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._aside = Path(tempfile.mkdtemp(prefix=f".{self.target.name}.", dir=self.target.parent))
            self._aside.chmod(0o755)
            self._markers = (self._aside / MARKERS).open("w", encoding="utf-8", newline="\n")
            self._trace = TraceWriter(self._aside / TRACE)
            self._write(SCENARIO, scenario_json(self.scenario))
        except OSError as error:
            raise _storage_failure(error, self.target) from error
        return self

    def provenance(self, **facts: Any) -> None:
        """Add JSON-serialisable facts: platform, kernel_sha256, qemu_version, qemu_arguments, calibration …"""
        self._provenance.update(facts)

    def marker(self, line: str) -> None:
        """Add one line, without its line end, to the marker log."""
        try:
            self._markers.write(line + "\n")
        except OSError as error:
            raise _storage_failure(error, self.target) from error

    def trace(self, records: Records) -> None:
        """Add trace records (one-dimensional, `TRACE_DTYPE`), in the order written."""
        self._collector.feed(records)
        try:
            self._trace.append(records)
        except OSError as error:
            raise _storage_failure(error, self.target) from error

    def outcome(self, metrics: Metrics, verdicts: Iterable[Verdict]) -> None:
        """What the run measured and how it is judged, where that does not come from its trace and its scenario."""
        self._outcome = metrics, tuple(verdicts)

    def file(self, name: str) -> Path:
        """The place of a further file, to be written by the caller; it becomes part of the run."""
        return self._aside / name

    def screenshot(self, png: bytes) -> None:
        """Keep a screenshot (PNG); a later one replaces it."""
        try:
            (self._aside / SCREENSHOT).write_bytes(png)
        except OSError as error:
            raise _storage_failure(error, self.target) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._complete()
            else:
                self._close(quietly=True)
        except OSError as failure:
            raise _storage_failure(failure, self.target) from failure
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)

    def _complete(self) -> None:
        try:
            self._close()
        except OSError:
            self._close(quietly=True)
            raise
        metrics, verdicts = self._outcome or self._judged()
        self._write(METRICS, json.dumps(metrics.to_dict(), separators=(",", ":")))
        self._write(VERDICTS, json.dumps([verdict.to_dict() for verdict in verdicts], indent=1))
        self._write(PROVENANCE, json.dumps(self._provenance, indent=1))
        os.rename(self._aside, self.target)
        self.run = Run(self.target, self.scenario, self._provenance, metrics, verdicts)

    def _judged(self) -> tuple[Metrics, tuple[Verdict, ...]]:
        metrics = self._collector.result()
        return metrics, (*evaluate(self.scenario, metrics), *self._story())

    def _story(self) -> list[Verdict]:
        """What the run's own markers and the scenario's rules say of it."""
        if self.scenario.kind != "integration" and not self.scenario.constraints:
            return []
        from rayos_model import markers
        from rayos_model.moments import KINDS, check, describe, timeline

        log = markers.parse((self._aside / MARKERS).read_text(encoding="utf-8", errors="replace"))
        verdicts = integration_verdicts(log) if self.scenario.kind == "integration" else []
        moments = timeline(log, read_trace(self._aside / TRACE, KINDS))
        broken = {violation.constraint for violation in check(self.scenario.constraints, moments)}
        for number, constraint in enumerate(self.scenario.constraints):
            rule = describe(constraint)
            verdicts.append(Verdict(f"constraint.{number}", None, rule, "", constraint not in broken))
        return verdicts

    def _close(self, quietly: bool = False) -> None:
        for part in (self._trace, self._markers):
            try:
                part.close()
            except OSError:
                if not quietly:
                    raise

    def _write(self, name: str, text: str) -> None:
        (self._aside / name).write_text(text + "\n", encoding="utf-8")


def integration_verdicts(log: Log) -> list[Verdict]:
    """A verdict for each check an integration scenario's log tells, and one for how it says it ended."""
    checks = log.named("RAYOS_INTEGRATION:VERIFY")
    verdicts = [Verdict(f"verify.{one['check']}", None, "pass", "", one["result"] == "pass") for one in checks]
    complete = log.named("RAYOS_INTEGRATION:SCENARIO_COMPLETE")
    passed = len(complete) == 1 and complete[0]["result"] == "pass"
    return [*verdicts, Verdict("scenario_complete", None, "pass", "", passed)]


def scenario_json(scenario: Scenario) -> str:
    """A scenario as the JSON text a run keeps: only what was given, so that defaults stay defaults."""
    return scenario.model_dump_json(exclude_unset=True, indent=1)


def host_cpu() -> str:
    """The host processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return host.processor() or host.machine()


def _storage_failure(error: OSError, target: Path) -> RayosError:
    if isinstance(error, StorageFailure):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailure(f"{target}: the disk is full; the incomplete run was removed")
    return StorageFailure(f"{target}: cannot write the run: {error.strerror or error}")
