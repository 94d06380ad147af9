"""The writer of a run: it writes aside and renames when complete, so a run that exists is whole."""

from __future__ import annotations

import json
import os
import platform as host
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rayos_model import __version__
from rayos_model.contract.markers import parse_line
from rayos_model.contract.trace_record import Records
from rayos_model.errors import BadInput
from rayos_model.metrics.collector import MetricsCollector
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import MARKERS, METRICS, PROVENANCE, SCENARIO, SCREENSHOT, TRACE, VERDICTS, Run
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import storage_failure, storing
from rayos_model.trace.parquet import TraceWriter, read_trace
from rayos_model.verdict.marker_log import LogJudge
from rayos_model.verdict.verdict import Verdict, evaluate, log_verdicts

_WHAT: Final = "the run"


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
        self._log = LogJudge()
        self._lines = 0
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
            raise storage_failure(error, self.target, _WHAT) from error
        return self

    def provenance(self, **facts: Any) -> None:
        """Add JSON-serialisable facts: platform, kernel_sha256, qemu_version, qemu_arguments, calibration …"""
        self._provenance.update(facts)

    def marker(self, line: str) -> None:
        """Add one line, without its line end, to the marker log."""
        self._lines += 1
        for item in parse_line(line, self._lines):
            self._log.feed(item)
        with storing(self.target, _WHAT):
            self._markers.write(line + "\n")

    def trace(self, records: Records) -> None:
        """Add trace records (one-dimensional, `TRACE_DTYPE`), in the order written."""
        self._collector.feed(records)
        with storing(self.target, _WHAT):
            self._trace.append(records)

    def outcome(self, metrics: Metrics, verdicts: Iterable[Verdict]) -> None:
        """What the run measured and how it is judged, where that does not come from its trace and its scenario."""
        self._outcome = metrics, tuple(verdicts)

    def file(self, name: str) -> Path:
        """The place of a further file, to be written by the caller; it becomes part of the run."""
        return self._aside / name

    def screenshot(self, png: bytes) -> None:
        """Keep a screenshot (PNG); a later one replaces it."""
        with storing(self.target, _WHAT):
            (self._aside / SCREENSHOT).write_bytes(png)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._complete()
            else:
                self._close(quietly=True)
        except OSError as failure:
            raise storage_failure(failure, self.target, _WHAT) from failure
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)

    def _complete(self) -> None:
        try:
            self._close()
        except OSError:
            self._close(quietly=True)
            raise
        self._log.finish()
        metrics, verdicts = self._outcome or self._judged()
        verdicts = (*verdicts, *log_verdicts(self._log, self.scenario.kind))
        self._write(METRICS, json.dumps(metrics.to_dict(), separators=(",", ":")))
        self._write(VERDICTS, json.dumps([verdict.to_dict() for verdict in verdicts], indent=1))
        self._write(PROVENANCE, json.dumps(self._provenance, indent=1))
        os.rename(self._aside, self.target)
        self.run = Run(self.target, self.scenario, self._provenance, metrics, verdicts)

    def _judged(self) -> tuple[Metrics, tuple[Verdict, ...]]:
        metrics = self._collector.result()
        return metrics, (*evaluate(self.scenario, metrics), *self._rules())

    def _rules(self) -> list[Verdict]:
        """A verdict on each rule of the scenario about the run's timeline."""
        if not self.scenario.constraints:
            return []
        from rayos_model.contract import markers
        from rayos_model.verdict.timeline import KINDS, check, describe, timeline

        log = markers.parse((self._aside / MARKERS).read_text(encoding="utf-8", errors="replace"))
        verdicts = []
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
