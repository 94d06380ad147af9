"""Marker lines of the serial console: grammar, parser and writer. Must not know what a marker is used for.

A marker is `RAYOS_<FAMILY>:<EVENT>:<field>:…`; `GRAMMAR` has one row per event with its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Value = str | int | float


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type of field: description for messages, pattern of its text, conversion to a value."""

    description: str
    pattern: re.Pattern[str]
    convert: type[str] | type[int] | type[float]


# A word ends at the separator. Text is the last field of its marker and ends at the line's end or the next marker.
COUNT: Final = FieldType("a whole number of at most 18 digits", re.compile(r"[0-9]{1,18}"), int)
SECONDS: Final = FieldType("a whole number of seconds, at most ten digits", re.compile(r"[0-9]{1,10}"), int)
NUMBER: Final = FieldType("a number of at most 18 digits", re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?"), float)
WORD: Final = FieldType("a word", re.compile(r"[^\s:\[\]\x00-\x1f\x7f]+"), str)
TEXT: Final = FieldType("a text", re.compile(r"[^\x00-\x1f\x7f]+"), str)


def _choice(*words: str) -> FieldType:
    return FieldType(" or ".join(words), re.compile("|".join(words)), str)


VERDICT: Final = _choice("pass", "fail")
OUTCOME: Final = _choice("success", "timeout")

Fields = tuple[tuple[str, FieldType], ...]

PANIC: Final = re.compile(r"(?<!no )(?<!without )\b(?:RAYOS_PANIC\b|kernel panic\b|panic\s*[:(!]|panicked at\b)", re.I)
"""A panic in the wordings of this kernel, of the real RayOS, of Linux and of Rust."""

GRAMMAR: Final[dict[str, Fields]] = {
    "RAYOS_SOAK:START": (("clients", COUNT), ("duration_sec", SECONDS)),
    "RAYOS_SOAK:CLIENT_CREATED": (("id", COUNT),),
    "RAYOS_SOAK:CLIENT_DESTROYED": (("id", COUNT),),
    "RAYOS_SOAK:METRICS_SNAPSHOT": (("cpup", COUNT), ("mem_kb", COUNT), ("latency_us", COUNT), ("fps", COUNT)),
    "RAYOS_SOAK:COMPLETE": (("result", VERDICT),),
    "RAYOS_STRESS:START": (("test_type", WORD), ("target_level", NUMBER)),
    "RAYOS_STRESS:LOAD_APPLIED": (("level", NUMBER), ("cpu_percent", NUMBER), ("mem_percent", NUMBER)),
    "RAYOS_STRESS:LATENCY_SAMPLE": (("latency_us", COUNT),),
    "RAYOS_STRESS:DEGRADATION": (("level", NUMBER), ("latency_ratio", NUMBER)),
    "RAYOS_STRESS:COMPLETE": (("result", VERDICT),),
    "RAYOS_FAILURE:INJECT": (("scenario", WORD), ("target_id", WORD)),
    "RAYOS_FAILURE:DETECTED": (("failure_type", WORD), ("id", WORD)),
    "RAYOS_FAILURE:RECOVERY_START": (("id", WORD),),
    "RAYOS_FAILURE:RECOVERY_COMPLETE": (("id", WORD), ("result", OUTCOME)),
    "RAYOS_FAILURE:TEST_COMPLETE": (("result", VERDICT),),
    "RAYOS_PERF:PROFILE_START": (("operation", WORD),),
    "RAYOS_PERF:SAMPLE": (("operation", WORD), ("latency_us", NUMBER), ("percentile", NUMBER)),
    "RAYOS_PERF:THROUGHPUT": (("operation", WORD), ("ops_per_sec", NUMBER)),
    "RAYOS_PERF:MEMORY": (("allocated_kb", COUNT), ("peak_kb", COUNT), ("fragmentation_percent", NUMBER)),
    "RAYOS_PERF:REPORT": (("metric", WORD), ("value", NUMBER), ("unit", WORD)),
    "RAYOS_INTEGRATION:SCENARIO_START": (("name", WORD),),
    "RAYOS_INTEGRATION:MILESTONE": (("description", TEXT),),
    "RAYOS_INTEGRATION:VERIFY": (("check", WORD), ("result", VERDICT)),
    "RAYOS_INTEGRATION:SCENARIO_COMPLETE": (("name", WORD), ("result", VERDICT)),
    "RAYOS_PANIC": (("reason", TEXT),),
    "RAYOS_BOOT": (("message", TEXT),),
    "RAYOS_DIAG": (("message", TEXT),),
}
"""Marker → its fields. `RAYOS_PANIC`, `RAYOS_BOOT` and `RAYOS_DIAG` have no event and an optional text."""

PRINTED_WHEN: Final[dict[str, str]] = {
    "RAYOS_SOAK:START": "time 0 of the scenario; the number of clients and the duration, s",
    "RAYOS_SOAK:CLIENT_CREATED": "the launcher has created the client's process",
    "RAYOS_SOAK:CLIENT_DESTROYED": "the launcher has freed a client that exited or was killed",
    "RAYOS_SOAK:METRICS_SNAPSHOT": "each whole second: CPU utilisation (%), memory in use (kB), p99 of commit-to-"
    "present (µs) and page flips of that second",
    "RAYOS_SOAK:COMPLETE": "at the end; pass when no client crashed, hung or was disconnected and no memory leaked",
    "RAYOS_STRESS:START": "after RAYOS_SOAK:START; the load (cpu, memory, disk, combined) and its highest level",
    "RAYOS_STRESS:LOAD_APPLIED": "first snapshot of each level; CPU and memory utilisation (%) of that second",
    "RAYOS_STRESS:LATENCY_SAMPLE": "each snapshot; p99 of commit-to-present of that second (µs)",
    "RAYOS_STRESS:DEGRADATION": "end of a step, or the level is lowered; p99 of the level over that of level 0",
    "RAYOS_STRESS:COMPLETE": "just before RAYOS_SOAK:COMPLETE, with the same verdict",
    "RAYOS_FAILURE:INJECT": "a fault strikes; its kind and its target: a client id, heap, network or disk",
    "RAYOS_FAILURE:DETECTED": "kernel or compositor first detects the failure; what was observed, and the target",
    "RAYOS_FAILURE:RECOVERY_START": "recovery of the target begins",
    "RAYOS_FAILURE:RECOVERY_COMPLETE": "the target has recovered (success), or had not within 5 s (timeout)",
    "RAYOS_FAILURE:TEST_COMPLETE": "before RAYOS_SOAK:COMPLETE; pass when every fault was detected and recovered from "
    "in time, no failure cascaded and RAYOS_SOAK:COMPLETE would be pass",
    "RAYOS_PERF:PROFILE_START": "before time 0, once for each operation that is profiled",
    "RAYOS_PERF:SAMPLE": "at the end: one latency quantile of the measured part (µs); percentile such as 99.9",
    "RAYOS_PERF:THROUGHPUT": "at the end: frames, commits, events and clients per second of the measured part",
    "RAYOS_PERF:MEMORY": "each whole second, after the snapshot: memory in use and its peak (kB), fragmentation (%)",
    "RAYOS_PERF:REPORT": "at the end: one further number of the profiler, such as a maximum or a CPU share",
    "RAYOS_INTEGRATION:SCENARIO_START": "after RAYOS_SOAK:START",
    "RAYOS_INTEGRATION:MILESTONE": "all windows have been shown; an event of the timeline has started or is complete",
    "RAYOS_INTEGRATION:VERIFY": "after the memory balance at the end, once for each check of the subsystems' counters",
    "RAYOS_INTEGRATION:SCENARIO_COMPLETE": "after the checks; the scenario's verdict",
    "RAYOS_PANIC": "the kernel panics; the reason. The run ends there",
    "RAYOS_BOOT": "the kernel has checked the scenario image and starts to set itself up",
    "RAYOS_DIAG": "diagnostics: a client's fault, a damaged heap object, an allocation that failed",
}
"""Marker → when it is printed and what its fields hold, for the reference page."""

_FAMILIES: Final = frozenset(name.partition(":")[0] for name in GRAMMAR)
_PLAIN: Final = frozenset(name for name in GRAMMAR if ":" not in name)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_HEAD = re.compile(r"(RAYOS_(?:(?!RAYOS_)[A-Z0-9_])+)(?::([A-Z0-9_]+))?")
_GLUE = re.compile(r"[A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Marker:
    """A well-formed marker. `name` is a key of `GRAMMAR`, `values` are in its order, `line` counts from 1."""

    name: str
    values: tuple[Value, ...]
    line: int = 0

    def __getitem__(self, field: str) -> Value:
        """The value of a field by name. Raises `KeyError` when the marker has no such field."""
        for (name, _), value in zip(GRAMMAR[self.name], self.values, strict=False):
            if name == field:
                return value
        raise KeyError(field)

    def __str__(self) -> str:
        return ":".join((self.name, *map(_text, self.values)))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Text in the form of a marker, of a family outside the grammar."""

    family: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """Text of a known family that violates the grammar, with the reason."""

    text: str
    reason: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.text}"


@dataclass(frozen=True, slots=True)
class Chatter:
    """Any other text on a line."""

    text: str
    line: int


Item = Marker | Unknown | Malformed | Chatter


@dataclass(frozen=True, slots=True)
class Log:
    """A parsed log. `items`, in order, hold its text without line ends, colour codes and surrounding blanks."""

    items: tuple[Item, ...]

    @property
    def markers(self) -> list[Marker]:
        return [item for item in self.items if isinstance(item, Marker)]

    @property
    def unknown(self) -> list[Unknown]:
        return [item for item in self.items if isinstance(item, Unknown)]

    @property
    def malformed(self) -> list[Malformed]:
        return [item for item in self.items if isinstance(item, Malformed)]

    def named(self, name: str) -> list[Marker]:
        """The markers of one name, such as `"RAYOS_SOAK:START"`."""
        return [marker for marker in self.markers if marker.name == name]


def _text(value: Value) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def format_marker(name: str, *values: Value) -> str:
    """The text of a marker, without line end. Raises `ValueError` when name or values violate the grammar."""
    if name not in GRAMMAR:
        raise ValueError(f"unknown marker {name!r}")
    fields = GRAMMAR[name]
    if len(values) != len(fields) and not (name in _PLAIN and not values):
        raise ValueError(f"{name} takes {len(fields)} fields, got {len(values)}")
    parts = [name]
    for (field, kind), value in zip(fields, values, strict=False):
        text = _text(value)
        if not kind.pattern.fullmatch(text) or text != text.strip() or _HEAD.search(text):
            raise ValueError(f"{name}: {field} must be {kind.description}, got {text!r}")
        parts.append(text)
    return ":".join(parts)


def parse_line(line: str, number: int = 1) -> list[Item]:
    """All items of one line, in order. Never raises: other text is returned as `Malformed` or `Chatter`."""
    line = _ANSI.sub("", line).strip("\r\n\0")
    heads = [head for head in _HEAD.finditer(line) if head[1] in _FAMILIES or not _is_glued(line, head)]
    starts = [_start(line, head) for head in heads]
    items: list[Item] = []
    at = 0
    for head, start, end in zip(heads, starts, [*starts, len(line)][1:], strict=True):
        _chatter(items, line[at:start], number)
        item, at = _parse_at(line, head, end, number)
        items.append(item)
    _chatter(items, line[at:], number)
    return items


def parse(text: str | Iterable[str]) -> Log:
    """Parse a log (text or lines). CR LF, colour codes and several markers per line are allowed. Never raises."""
    lines = text.split("\n") if isinstance(text, str) else text
    return Log(tuple(item for number, line in enumerate(lines, 1) for item in parse_line(line, number)))


def _is_glued(line: str, head: re.Match[str]) -> bool:
    """Whether a letter or digit stands right before a marker, so that one of the two was torn."""
    return bool(_GLUE.match(line[head.start() - 1 : head.start()]))


def _start(line: str, head: re.Match[str]) -> int:
    """Start of an item; that of an unknown family includes an opening bracket before it."""
    at = head.start()
    return at - 1 if head[1] not in _FAMILIES and line[at - 1 : at] == "[" else at


def _parse_at(line: str, head: re.Match[str], end: int, number: int) -> tuple[Item, int]:
    """The item at a head, and the position after it."""
    family, event = head[1], head[2]
    if _is_glued(line, head):
        before = line[: head.start()].split()[-1]
        reason = f"a marker that is glued to {before[-16:]!r}"
        return Malformed(line[head.start() : end].strip(), reason, number), end
    if family not in _FAMILIES:
        return Unknown(family, line[_start(line, head) : end].strip(), number), end
    if family in _PLAIN:
        text = line[head.end(1) : end].removeprefix(":").strip()
        return Marker(family, (text,) if text else (), number), end
    name = f"{family}:{event}"
    if name not in GRAMMAR:
        return Malformed(line[head.start() : end].strip(), f"{family} has no event {event or ''!r}", number), end
    values: list[Value] = []
    at = head.end()
    for field, kind in GRAMMAR[name]:
        if at >= end or line[at] != ":":
            return Malformed(line[head.start() : end].strip(), f"{field} is missing", number), end
        at += 1
        stop = end if kind is TEXT else _field_end(line, at, end)
        text = line[at:stop].strip() if kind is TEXT else line[at:stop]
        if not kind.pattern.fullmatch(text):
            reason = f"{field} must be {kind.description}, got {text[:40]!r}"
            return Malformed(line[head.start() : end].strip(), reason, number), end
        values.append(kind.convert(text))
        at = stop
    if at < end and line[at] == ":":
        return Malformed(line[head.start() : end].strip(), f"more than {len(values)} fields", number), end
    return Marker(name, tuple(values), number), at


def _field_end(line: str, start: int, end: int) -> int:
    at = start
    while at < end and line[at] != ":" and not line[at].isspace() and line[at] not in "[]":
        at += 1
    return at


def _chatter(items: list[Item], text: str, number: int) -> None:
    if text.strip():
        items.append(Chatter(text.strip(), number))
