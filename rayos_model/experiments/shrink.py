"""Shrinking of a failing scenario: fewer clients, shorter, fewer events and faults, while it fails the same way.

Greedy: a candidate that still fails replaces the scenario, until no candidate fails. Must not know how systems work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rayos_model.errors import BadInput, PlatformFailure
from rayos_model.run.system import System, execute
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import Load
from rayos_model.toolchain.temporary import temporary_folder

ATTEMPTS: Final = 200
"""Default maximum number of runs."""
_SHORTEST_S: Final = 1.0
_PLAIN: Final = ("think", "gap", "damage", "lifetime_s", "stagger_ms", "start_s", "priority")
"""Optional keys of a client group that shrinking tries to remove."""

Failures = frozenset[str]
"""How a run failed: names of failed verdicts (timeline rules as `constraint`), or the class of a platform failure."""
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest scenario found, the failure it reproduces, and the number of runs made."""

    scenario: Scenario
    failure: str
    attempts: int


def failures_of(system: System, scenario: Scenario) -> Failures:
    """How a run of the scenario fails; empty when it passes. The run is not kept."""
    with temporary_folder("shrink") as scratch:
        try:
            run = execute(system, scenario, Path(scratch, "run"))
        except PlatformFailure as failure:
            return frozenset({type(failure).__name__})
    return frozenset(re.sub(r"^constraint\.\d+", "constraint", one.metric) for one in run.verdicts if not one.ok)


def shrink(
    scenario: Scenario,
    failures: Callable[[Scenario], Failures],
    attempts: int = ATTEMPTS,
    progress: Callable[[Scenario, int], None] | None = None,
) -> Shrunk:
    """The smallest scenario found that fails the same way as `scenario`; `failures` runs one and returns its failures.

    `progress(scenario, runs)` is called for each smaller scenario found. Raises `BadInput` when `scenario` passes.
    """
    found = failures(scenario)
    if not found:
        raise BadInput(f"{scenario.name}: the scenario passes, so there is nothing to shrink")
    failure = min(found, key=_vagueness)
    used = 1
    while used < attempts:
        for candidate in _candidates(scenario):
            used += 1
            if failure in failures(candidate):
                scenario = candidate
                if progress is not None:
                    progress(scenario, used)
                break
            if used >= attempts:
                break
        else:
            break
    return Shrunk(scenario, failure, used)


def _vagueness(failure: str) -> tuple[int, str]:
    """Which of several failures says most: a check or crash before a rule, a rule before the overall verdict."""
    ranks = {"constraint": 2, "complete": 3}
    return ranks.get(failure, 0 if failure.startswith("verify.") or "." not in failure else 1), failure


def _candidates(scenario: Scenario) -> Iterator[Scenario]:
    """Valid scenarios one step smaller, the largest reductions first."""
    data = scenario.model_dump(mode="json", exclude_unset=True)
    for reduce in (_shorter, _fewer_groups, _fewer_clients, _fewer_events, _fewer_rules, _plainer):
        for smaller in reduce(data):
            try:
                yield from_dict(smaller, scenario.name)
            except BadInput:
                continue


def _shorter(data: Data) -> Iterator[Data]:
    for factor in (0.5, 0.8):
        duration_s = round(data["duration_s"] * factor, 1)
        if duration_s < _SHORTEST_S:
            continue
        smaller = deepcopy(data) | {"duration_s": duration_s}
        if smaller.get("warmup_s", 0) >= duration_s:
            smaller["warmup_s"] = duration_s / 2
        for index in reversed(range(len(data.get("timeline", ())))):
            if data["timeline"][index]["at_s"] >= duration_s:
                _remove_event(smaller, index)
        if steps := smaller.get("load", {}).pop("steps", ()):
            smaller["load"]["steps"] = steps[: int(duration_s // smaller["load"].get("step_s", Load().step_s))]
        yield smaller


def _fewer_groups(data: Data) -> Iterator[Data]:
    for gone in range(len(data["clients"]) - 1, -1, -1):
        if len(data["clients"]) == 1:
            return
        smaller = deepcopy(data)
        del smaller["clients"][gone]
        for index in reversed(range(len(smaller.get("timeline", ())))):
            event = smaller["timeline"][index]
            if event.get("group") == gone:
                _remove_event(smaller, index)
            elif event.get("group", -1) > gone:
                event["group"] -= 1
        yield smaller


def _fewer_clients(data: Data) -> Iterator[Data]:
    for index, group in enumerate(data["clients"]):
        for count in dict.fromkeys((group.get("count", 1) // 2, group.get("count", 1) - 1, group.get("count", 1) - 2)):
            if count >= 1:
                smaller = deepcopy(data)
                smaller["clients"][index]["count"] = count
                yield smaller


def _fewer_events(data: Data) -> Iterator[Data]:
    for index in reversed(range(len(data.get("timeline", ())))):
        smaller = deepcopy(data)
        _remove_event(smaller, index)
        yield smaller
    for index in reversed(range(len(data.get("faults", ())))):
        smaller = deepcopy(data)
        del smaller["faults"][index]
        yield smaller


def _fewer_rules(data: Data) -> Iterator[Data]:
    for index in reversed(range(len(data.get("constraints", ())))):
        smaller = deepcopy(data)
        del smaller["constraints"][index]
        yield smaller
    for metric in data.get("criteria", {}):
        smaller = deepcopy(data)
        del smaller["criteria"][metric]
        yield smaller


def _plainer(data: Data) -> Iterator[Data]:
    for index, group in enumerate(data["clients"]):
        for key in _PLAIN:
            if key in group:
                smaller = deepcopy(data)
                del smaller["clients"][index][key]
                yield smaller
    if data.get("load"):
        smaller = deepcopy(data)
        del smaller["load"]
        yield smaller


def _remove_event(data: Data, gone: int) -> None:
    """Removes an event from the timeline with the rules about it, and renumbers the others in rules.

    Rules refer to events by their number in order of time.
    """
    order = sorted(range(len(data["timeline"])), key=lambda index: data["timeline"][index]["at_s"])
    number = order.index(gone)
    actions = "|".join({event["action"] for event in data["timeline"]})
    mention = re.compile(rf"\b({actions}) (\d+)\b")
    del data["timeline"][gone]

    def renumber(match: re.Match[str]) -> str:
        return f"{match[1]} {int(match[2]) - (int(match[2]) > number)}"

    rules = []
    for rule in data.get("constraints", ()):
        texts = [text for text in (rule["first"], rule["then"], rule.get("never")) if text]
        if not any(int(match[2]) == number for text in texts for match in mention.finditer(text)):
            keys = {"first", "then", "never"} & rule.keys()
            rules.append({**rule, **{key: mention.sub(renumber, rule[key]) for key in keys if rule[key]}})
    if "constraints" in data:
        data["constraints"] = rules
