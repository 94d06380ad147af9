"""The search of a plan: doubling and bisection over the values of one key, each value replicated until certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rayos_model.analysis.output import replications
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.experiments.design import Range
from rayos_model.experiments.evaluate import evaluate
from rayos_model.experiments.plan_result import REFUSED, Alternative, Answer, Judgement, settings_text
from rayos_model.experiments.point_store import PointStore, Values
from rayos_model.experiments.workers import Executor
from rayos_model.scenario.criteria import Criterion, parse_criterion
from rayos_model.scenario.keys import with_changes
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import LONGEST_S
from rayos_model.verdict.verdict import criteria_of

LOOKS: Final = 3
"""An alternative is judged after a quarter, a half and all of its replications (at least two)."""
SHORTEST_S: Final = 20.0
"""Default length of a run, at least."""
MEASURED_S: Final = 10.0
"""Default length of a run past its warm-up, at least."""
MIN_MEASURED_S: Final = 2.0
"""Length of every run past its warm-up, at least: long enough to contain one whole second of snapshots."""
_MAX_STEPS: Final = 60
_SLO: Final = re.compile(r"\s*([\w.]+)\s*([<>=].*)")

Done = Callable[[str], None]


def parse_slo(text: str) -> Criterion:
    """Parses an objective such as `commit_to_present.p99<100ms`. Raises `BadInput`."""
    match = _SLO.fullmatch(text)
    if match is None:
        raise BadInput(f"--slo {text!r}: expected an objective such as commit_to_present.p99<100ms")
    try:
        return parse_criterion(match[1], match[2])
    except ValueError as error:
        raise BadInput(f"--slo: {error}") from None


def objectives_for(scenario: Scenario, slos: Sequence[Criterion]) -> list[Criterion]:
    """The given objectives, or the scenario's criteria if there are none; plus `clients.refused == 0` unless given."""
    given = [*(slos or criteria_of(scenario).values())]
    if any(objective.metric == REFUSED for objective in given):
        return given
    return [*given, parse_criterion(REFUSED, "== 0")]


def judge(objective: Criterion, values: Sequence[Values], confidence: float) -> Judgement:
    """The verdict on one objective, from the metrics of all replications.

    The mean decides. It is certain when the limit lies outside the Student interval, one-sided at `confidence`. An
    objective on a metric that a replication did not measure does not hold.
    """
    found = [value[objective.metric].value for value in values if objective.metric in value]
    if len(found) < len(values):
        return Judgement(objective, None, False, True)
    estimate = replications(found, 2 * confidence - 1)
    outside = not estimate.low <= objective.value <= estimate.high or estimate.half_width == 0
    return Judgement(objective, estimate, objective.holds(estimate.mean), outside)


def for_search(
    scenario: Scenario, duration_s: float | None = None, changes: Mapping[str, Any] | None = None
) -> Scenario:
    """The scenario with `changes` as a search runs it: with a warm-up until 1 s after the start of the last client.

    It lasts `duration_s`; default: until 10 s past the warm-up, at least 20 s and until its last event, at most its own
    duration. That suffices for a p99, which needs some ten thousand frames, a few seconds of some dozen clients. In any
    case it lasts until `MIN_MEASURED_S` past the warm-up, so that every client starts.
    """
    changes = changes or {}
    endless = with_changes(scenario.with_overrides(duration_s=LONGEST_S), changes)
    warmup_s = max(endless.warmup_s or 0.0, endless.settled_s)
    if duration_s is None:
        enough_s = max(SHORTEST_S, warmup_s + MEASURED_S, endless.last_event_s + MIN_MEASURED_S)
        duration_s = min(changes.get("duration_s", scenario.duration_s), enough_s)
    duration_s = max(duration_s, round(warmup_s + MIN_MEASURED_S, 3))
    return with_changes(scenario, {**changes, "duration_s": duration_s, "warmup_s": warmup_s})


@dataclass(frozen=True, slots=True)
class Search:
    """Evaluates values of one key on the model and finds the last, from the easy end, at which all objectives hold."""

    scenario: Scenario
    key: str
    largest: bool
    slos: Sequence[Criterion]
    parameters: Parameters
    store: PointStore
    execute: Executor
    duration_s: float | None
    max_replications: int
    confidence: float
    precision: float
    done: Done

    def variant(self, value: Any) -> Scenario:
        """The scenario to run for a value. Raises `BadInput` when it is not valid."""
        return for_search(self.scenario, self.duration_s, {self.key: value})

    def attempt(self, value: Any) -> Alternative:
        """Tries one value: replicates it until the verdict is certain or the replications are used up."""
        try:
            base = self.variant(value)
        except BadInput as error:
            return Alternative(value, 0, refused=str(error))
        objectives = objectives_for(base, self.slos)
        # Bonferroni: the error probability is divided among all looks at all objectives.
        level = 1 - (1 - self.confidence) / (LOOKS * len(objectives))
        counts = sorted({max(2, self.max_replications // divisor) for divisor in (4, 2, 1)})
        alternative = Alternative(value, 0)
        for count in counts:
            runs = [base.with_overrides(seed=base.seed + r) for r in range(count)]
            values = evaluate(runs, self.parameters, self.store, self.execute)
            judgements = tuple(judge(o, values, level) for o in objectives)
            alternative = Alternative(value, count, judgements, duration_s=base.duration_s)
            if alternative.certain:
                break
        outcome = "meets" if alternative.holds else f"fails ({alternative.binding})"
        runs_made = f"{alternative.replications} replications of {base.duration_s:g} s"
        self.done(f"{self.key} = {settings_text(value)}: {outcome}, {runs_made}")
        return alternative

    def last(self, start: Any, bounds: Range | None) -> Answer:
        """The last value, from the easy end, at which all objectives hold, and the next one tried, which fails."""
        tried: dict[Any, Alternative] = {}

        def holds(value: Any) -> bool:
            if value not in tried:
                tried[value] = self.attempt(value)
            return tried[value].holds

        good, bad = self._bracket(start, bounds, holds)
        while good is not None and bad is not None and len(tried) < _MAX_STEPS:
            middle = _between(good, bad, self.precision)
            if middle is None:
                break
            good, bad = (middle, bad) if holds(middle) else (good, middle)
        return Answer({}, good, tried.get(bad), tuple(tried.values()))

    def _bracket(self, start: Any, bounds: Range | None, holds: Callable[[Any], bool]) -> tuple[Any, Any]:
        """(A value that holds, a more demanding one that fails); None in place of one that does not exist."""
        if bounds is not None:
            easiest, demanding = (bounds.low, bounds.high) if self.largest else (bounds.high, bounds.low)
            if not holds(easiest):
                return None, easiest
            return (demanding, None) if holds(demanding) else (easiest, demanding)
        good = bad = None
        for value in _steps(start, up=self.largest):
            if not holds(value):
                bad = value
                break
            good = value
        if good is not None or bad is None:
            return good, bad
        for value in _steps(bad, up=not self.largest):
            if value == bad:
                continue
            if holds(value):
                return value, bad
            bad = value
        return None, bad


def _steps(start: Any, *, up: bool) -> Iterator[Any]:
    """The start, then doubled or halved each time; integers end at 1."""
    value = start
    for _ in range(_MAX_STEPS):
        yield value
        following = value * 2 if up else value // 2 if isinstance(value, int) else value / 2
        if following == value or following <= 0:
            return
        value = following


def _between(good: Any, bad: Any, precision: float) -> Any:
    """A value between the two; None when they are neighbours or differ by at most `precision` of the smaller."""
    gap = abs(bad - good)
    whole = isinstance(good, int) and isinstance(bad, int)
    if gap <= max(1 if whole else 0.0, precision * min(abs(good), abs(bad))):
        return None
    return (good + bad) // 2 if whole else (good + bad) / 2
