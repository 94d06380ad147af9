"""The judge of a marker log: checks that it is complete and in order, and collects the results that it reports.

A log passes only if it has no problem *and* every test in it reports a pass. Must not know which system wrote the log,
nor the scenario that it ran.
"""

from __future__ import annotations

import codecs
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from rayos_model.contract.markers import GRAMMAR, PANIC, Item, Malformed, Marker, Unknown, Value, parse_line
from rayos_model.errors import BadInput

Outcome = Literal["pass", "fail"]

FAMILIES: Final = tuple(dict.fromkeys(name.partition(":")[0] for name in GRAMMAR if ":" in name))
"""Families of markers that report a test."""

_LONGEST_LINE_BYTES: Final = 1 << 16
"""A longer line is read in pieces of this size, so that memory stays constant for any file."""

_SHOWN: Final = 100
"""Characters of a line shown in a problem."""

_HEAD_BYTES: Final = 1 << 16
_BINARY_SHARE: Final = 0.1
"""A log is not text if its head has a larger share of control characters and undecodable bytes. A noisy serial line
has a far smaller share, UTF-16 one half, compressed data one third."""

_SIGNATURES: Final = (
    (b"\x1f\x8b", "gzip data; decompress it first"),
    (b"BZh", "bzip2 data; decompress it first"),
    (b"\xfd7zXZ", "xz data; decompress it first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data; decompress it first"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (codecs.BOM_UTF16_LE, "UTF-16 text; convert it to UTF-8 first"),
    (codecs.BOM_UTF16_BE, "UTF-16 text; convert it to UTF-8 first"),
)
_CONTROL: Final = bytes({*range(32), 127} - {*b"\t\n\r\x08\x0c\x1b"})
_WORTH_PARSING: Final = re.compile(rb"RAYOS_|panic|\x1b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a log. `line` counts from 1; 0 stands for the log as a whole.

    A `failing` problem is the trace of a failed test: reported failure, panic, missing clients, no end. Any other
    problem means that the log cannot be trusted.
    """

    line: int
    text: str
    failing: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class _Family:
    """Checks the order of one family's markers; `feed` and `end` yield problems."""

    name: str
    start: str | None
    complete: str

    def __init__(self) -> None:
        self.started_line = 0
        self.completed_line = 0
        self.last_line = 0

    def feed(self, marker: Marker) -> Iterator[Problem]:
        """Process the next marker of this family."""
        event, self.last_line = marker.name.partition(":")[2], marker.line
        if event == self.start:
            yield from self._begins(marker)
        elif self.start and not self.started_line:
            yield Problem(marker.line, f"{marker.name} before {self.name}:{self.start}")
            self.started_line = marker.line
        elif self.completed_line and event != self.complete:
            yield Problem(marker.line, f"{marker.name} after {self.name}:{self.complete} (line {self.completed_line})")
        if event == self.complete:
            yield from self._completes(marker)
        else:
            yield from self._event(event, marker)

    def end(self) -> Iterator[Problem]:
        """Process the end of the log."""
        if self.last_line and not self.completed_line:
            yield Problem(self.last_line, f"the log ends without {self.name}:{self.complete}", failing=True)

    def _begins(self, marker: Marker) -> Iterator[Problem]:
        if self.completed_line:
            yield Problem(marker.line, f"{marker.name} again after line {self.started_line}: two runs in one log")
        elif self.started_line:
            yield Problem(marker.line, f"{marker.name} again before {self.name}:{self.complete}")
        self.started_line, self.completed_line = marker.line, 0

    def _completes(self, marker: Marker) -> Iterator[Problem]:
        if self.completed_line:
            yield Problem(marker.line, f"{marker.name} again after line {self.completed_line}")
        self.completed_line = marker.line
        yield from self._ended(marker)
        if marker["result"] != "pass":
            yield Problem(marker.line, f"{marker} (the test reports a failure)", failing=True)

    @abstractmethod
    def _event(self, event: str, marker: Marker) -> Iterator[Problem]:
        """Process any other marker of the family."""

    @abstractmethod
    def _ended(self, marker: Marker) -> Iterator[Problem]:
        """Problems of a completed test: what it announced and did not do."""


class _Soak(_Family):
    name, start, complete = "RAYOS_SOAK", "START", "COMPLETE"

    def __init__(self) -> None:
        super().__init__()
        self._announced: int | None = None
        self._created: set[Value] = set()
        self._alive: dict[Value, int] = {}

    def _begins(self, marker: Marker) -> Iterator[Problem]:
        yield from super()._begins(marker)
        self._announced = int(marker["clients"])
        self._created, self._alive = set(), {}

    def _event(self, event: str, marker: Marker) -> Iterator[Problem]:
        if event == "CLIENT_CREATED":
            if marker["id"] in self._alive:
                yield Problem(marker.line, f"client {marker['id']} created twice")
            self._created.add(marker["id"])
            self._alive[marker["id"]] = marker.line
        elif event == "CLIENT_DESTROYED" and self._alive.pop(marker["id"], None) is None:
            yield Problem(marker.line, f"client {marker['id']} destroyed without being created")

    def _ended(self, marker: Marker) -> Iterator[Problem]:
        for client, line in self._alive.items():
            yield Problem(line, f"client {client} created, but never destroyed", failing=True)
        if self._announced is not None and len(self._created) != self._announced:
            text = f"START announced {self._announced} clients, {len(self._created)} were created"
            yield Problem(self.started_line, text, failing=True)


class _Stress(_Family):
    name, start, complete = "RAYOS_STRESS", "START", "COMPLETE"

    def _event(self, event: str, marker: Marker) -> Iterator[Problem]:
        return iter(())

    def _ended(self, marker: Marker) -> Iterator[Problem]:
        return iter(())


@dataclass(slots=True)
class _Fault:
    """An injected fault without recovery so far."""

    line: int
    detected: bool = False
    recovering: bool = False


class _Failure(_Family):
    """Faults: each is injected, detected and recovered from, per target in order of injection."""

    name, start, complete = "RAYOS_FAILURE", None, "TEST_COMPLETE"

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[Value, list[_Fault]] = {}

    def _event(self, event: str, marker: Marker) -> Iterator[Problem]:
        target = marker["target_id" if event == "INJECT" else "id"]
        faults = self._open.setdefault(target, [])
        match event:
            case "INJECT":
                faults.append(_Fault(marker.line))
            case "DETECTED":
                found = next((fault for fault in faults if not fault.detected), None)
                if found is None:
                    yield Problem(marker.line, f"{marker} without RAYOS_FAILURE:INJECT before it")
                else:
                    found.detected = True
            case "RECOVERY_START":
                found = next((fault for fault in faults if fault.detected and not fault.recovering), None)
                if found is None:
                    yield Problem(marker.line, f"{marker} without RAYOS_FAILURE:DETECTED before it")
                else:
                    found.recovering = True
            case _:
                yield from self._recovered(faults, marker)

    def _recovered(self, faults: list[_Fault], marker: Marker) -> Iterator[Problem]:
        timeout = marker["result"] != "success"
        found = next((fault for fault in faults if fault.detected or timeout), None)
        if found is None:
            yield Problem(marker.line, f"{marker} without RAYOS_FAILURE:DETECTED before it")
        else:
            faults.remove(found)
        if timeout:
            yield Problem(marker.line, f"{marker} (recovery timed out)", failing=True)

    def _ended(self, marker: Marker) -> Iterator[Problem]:
        for target, faults in self._open.items():
            for fault in faults:
                lack = "recovered from" if fault.detected else "detected"
                yield Problem(fault.line, f"the fault injected into {target} was never {lack}", failing=True)
        self._open = {}


class _Integration(_Family):
    """Scenarios in sequence, each with checks and milestones."""

    name, start, complete = "RAYOS_INTEGRATION", "SCENARIO_START", "SCENARIO_COMPLETE"

    def __init__(self) -> None:
        super().__init__()
        self._running: Value | None = None
        self._failed_line = 0

    def _begins(self, marker: Marker) -> Iterator[Problem]:
        if self._running is not None:
            yield Problem(marker.line, f"scenario {marker['name']} starts before {self._running} is complete")
        self._running, self._failed_line = marker["name"], 0
        self.started_line, self.completed_line = marker.line, 0

    def _event(self, event: str, marker: Marker) -> Iterator[Problem]:
        if event == "VERIFY" and marker["result"] == "fail":
            self._failed_line = marker.line
            yield Problem(marker.line, f"{marker} (a check failed)", failing=True)

    def _ended(self, marker: Marker) -> Iterator[Problem]:
        if self._running is not None and marker["name"] != self._running:
            yield Problem(marker.line, f"scenario {marker['name']} is complete, but {self._running} was started")
        if self._failed_line and marker["result"] == "pass":
            text = f"scenario {marker['name']} passes, but a check failed in line {self._failed_line}"
            yield Problem(marker.line, text)
        self._running = None


class LogJudge:
    """Processes the items of a log in order. It keeps counts and problems only: memory does not grow with the log."""

    def __init__(self) -> None:
        self.markers: Counter[str] = Counter()
        """Well-formed markers by name."""
        self.unknown: Counter[str] = Counter()
        """Number of lines of families outside the grammar, by family."""
        self.problems: list[Problem] = []
        self.checks: dict[str, bool] = {}
        """Check of an integration scenario → whether it passed every time."""
        self.outcomes: dict[str, list[Outcome]] = {}
        """Family → results reported by its tests, in order."""
        self._families = {family.name: family for family in (_Soak(), _Stress(), _Failure(), _Integration())}

    def feed(self, item: Item) -> None:
        """Process the next item of the log."""
        if isinstance(item, Marker):
            self._marker(item)
        elif isinstance(item, Unknown):
            self.unknown[item.family] += 1
        elif isinstance(item, Malformed):
            self.problems.append(Problem(item.line, f"{item.reason}: {_shortened(item.text)}"))
        if not isinstance(item, Marker) and PANIC.search(item.text):
            self.problems.append(Problem(item.line, f"the system panicked: {_shortened(item.text)}", failing=True))

    def _marker(self, marker: Marker) -> None:
        self.markers[marker.name] += 1
        family = self._families.get(marker.name.partition(":")[0])
        if family is not None:
            self.problems += family.feed(marker)
            if marker.name == "RAYOS_INTEGRATION:VERIFY":
                check, ok = str(marker["check"]), marker["result"] == "pass"
                self.checks[check] = self.checks.get(check, True) and ok
            if marker.name == f"{family.name}:{family.complete}":
                outcome: Outcome = "pass" if marker["result"] == "pass" else "fail"
                self.outcomes.setdefault(family.name, []).append(outcome)
        elif marker.name == "RAYOS_PANIC" or PANIC.search(str(marker)):
            self.problems.append(Problem(marker.line, f"the system panicked: {marker}", failing=True))

    def finish(self) -> None:
        """Process the end of the log."""
        for family in self._families.values():
            self.problems += family.end()
        if not self.markers:
            self.problems.append(Problem(0, "the log has no known marker"))
        elif not self.outcomes:
            self.problems.append(Problem(0, "no test in the log reports a result", failing=True))

    @property
    def complete(self) -> bool:
        """Whether the log reports a pass: at least one test completed, none failed, nothing panicked."""
        return bool(self.outcomes) and not any(problem.failing for problem in self.problems)

    def against(self, expect: Outcome, require: Sequence[str] = ()) -> list[Problem]:
        """The problems of a log that is expected to report `expect` and to have markers of the families in `require`.

        Where a failure is expected, `failing` problems are left out, and their absence is a problem. Raises `BadInput`
        for a family outside the grammar.
        """
        found = list(self.problems)
        if expect == "fail":
            found = [problem for problem in found if not problem.failing]
            if len(found) == len(self.problems):
                found.append(Problem(0, "expected a failure, but every test in the log reports a pass"))
        for name in require:
            family = name.upper() if name.upper().startswith("RAYOS_") else f"RAYOS_{name.upper()}"
            if family not in FAMILIES:
                known = ", ".join(one.removeprefix("RAYOS_") for one in FAMILIES)
                raise BadInput(f"--require {name}: no such family of markers; expected one of {known}")
            if not any(marker.startswith(f"{family}:") for marker in self.markers):
                found.append(Problem(0, f"the log has no marker of {family}"))
        return sorted(found, key=lambda problem: problem.line or 1 << 62)


def judge_lines(lines: Iterable[str]) -> LogJudge:
    """Judges a log given as lines."""
    judge = LogJudge()
    for number, line in enumerate(lines, 1):
        for item in parse_line(line, number):
            judge.feed(item)
    judge.finish()
    return judge


def judge_file(path: Path) -> LogJudge:
    """Judges a log file in constant memory. Raises `BadInput` when it cannot be read.

    A file that is not text has that as its only problem.
    """
    try:
        with path.open("rb") as file:
            reason = _not_a_text(file.read(_HEAD_BYTES))
            if reason is not None:
                judge = LogJudge()
                judge.problems.append(Problem(0, reason))
                return judge
            file.seek(0)
            return _judge(file)
    except OSError as error:
        raise BadInput(f"{path}: cannot read the log: {error.strerror or error}") from None


def _judge(file: BinaryIO) -> LogJudge:
    judge = LogJudge()
    number = 1
    while raw := file.readline(_LONGEST_LINE_BYTES):
        if _WORTH_PARSING.search(raw):
            for item in parse_line(raw.decode("utf-8", errors="replace"), number):
                judge.feed(item)
        number += raw.endswith(b"\n")
    judge.finish()
    return judge


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _not_a_text(head: bytes) -> str | None:
    """Reason why a file with this head is not a text log; None if it is one."""
    if not head:
        return "the log is empty"
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return f"not a text log: {what}"
    text = head.decode("utf-8", errors="replace")
    strange = len(head) - len(head.translate(None, _CONTROL)) + text.count("\N{REPLACEMENT CHARACTER}")
    if strange > _BINARY_SHARE * len(head):
        return "not a text log: binary data"
    return None
