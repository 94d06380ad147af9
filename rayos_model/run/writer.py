"""The writer of a run: a folder that is written beside its place and renamed when complete."""

from __future__ import annotations

import json
import os
import platform as host
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
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
from rayos_model.toolchain.atomic import rename_to_free_name, storing
from rayos_model.toolchain.temporary import temporary_folder_beside
from rayos_model.trace.parquet import TraceWriter, read_trace
from rayos_model.verdict.marker_log import LogJudge
from rayos_model.verdict.verdict import Verdict, evaluate, log_verdicts

_WHAT: Final = "the run"


class RunWriter:
    """Writes one run; a context manager. A system passes it markers, trace and provenance while it runs.

    On success the directory appears under its name, complete, and `run` is set; if another run has taken the name
    meanwhile, under that name with a number. After any exception nothing remains.
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
        with storing(self.target, _WHAT), ExitStack() as opened:
            self._aside = opened.enter_context(temporary_folder_beside(self.target))
            self._markers = (self._aside / MARKERS).open("w", encoding="utf-8", newline="\n")
            opened.callback(_quietly, self._markers.close)
            self._trace = TraceWriter(self._aside / TRACE)
            opened.callback(_quietly, self._trace.close)
            self._write(SCENARIO, scenario_json(self.scenario))
            self._opened = opened.pop_all()
        return self

    def provenance(self, **facts: Any) -> None:
        """Adds JSON-serialisable facts: platform, kernel_sha256, qemu_version, qemu_arguments, calibration …"""
        self._provenance.update(facts)

    def marker(self, line: str) -> None:
        """Adds one line, without its line end, to the marker log."""
        self._lines += 1
        for item in parse_line(line, self._lines):
            self._log.feed(item)
        with storing(self.target, _WHAT):
            self._markers.write(line + "\n")

    def trace(self, records: Records) -> None:
        """Adds trace records (one-dimensional, `TRACE_DTYPE`), in the order written."""
        self._collector.feed(records)
        with storing(self.target, _WHAT):
            self._trace.append(records)

    def outcome(self, metrics: Metrics, verdicts: Iterable[Verdict]) -> None:
        """Sets metrics and verdicts of a run whose trace and scenario do not give them, such as a foreign image."""
        self._outcome = metrics, tuple(verdicts)

    def file(self, name: str) -> Path:
        """The path at which the caller may write one more file of the run."""
        return self._aside / name

    def screenshot(self, png: bytes) -> None:
        """Keeps a screenshot (PNG) in place of an earlier one."""
        with storing(self.target, _WHAT):
            (self._aside / SCREENSHOT).write_bytes(png)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._opened.__exit__(kind, error, at)
            return
        with storing(self.target, _WHAT), self._opened:
            self._trace.close()
            self._markers.close()
            self._log.finish()
            metrics, verdicts = self._outcome or self._judged()
            own_kind = self.scenario.kind if self._outcome is None else None
            verdicts = (*verdicts, *log_verdicts(self._log, own_kind))
            self._write(METRICS, json.dumps(metrics.to_dict(), separators=(",", ":")))
            self._write(VERDICTS, json.dumps([verdict.to_dict() for verdict in verdicts], indent=1))
            self._write(PROVENANCE, json.dumps(self._provenance, indent=1))
            self.target = rename_to_free_name(self._aside, self.target)
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

    def _write(self, name: str, text: str) -> None:
        (self._aside / name).write_text(text + "\n", encoding="utf-8")


def scenario_json(scenario: Scenario) -> str:
    """A scenario as the JSON text a run keeps: only the keys that were given, so defaults stay defaults."""
    return scenario.model_dump_json(exclude_unset=True, indent=1)


def host_cpu() -> str:
    """The host CPU's model name, from /proc/cpuinfo where that exists."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return host.processor() or host.machine()


def _quietly(close: Callable[[], object]) -> None:
    """Closes a file of a run that is discarded, where a full disk no longer matters."""
    with suppress(OSError):
        close()
