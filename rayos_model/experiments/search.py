"""The search of a plan: replicated runs of one alternative after another until each verdict is certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
from rayos_model.verdict.verdict import criteria_of

LOOKS: Final = 3
"""Times an alternative is judged: after a quarter, a half and all of its replications (at least two)."""
SHORTEST_S: Final = 20.0
MEASURED_S: Final = 10.0
LEAST_S: Final = 2.0
"""Every run goes on so long past warm-up and the second after the last client's start: one whole second at least."""
_MOST_STEPS: Final = 60
_SLO: Final = re.compile(r"\s*([\w.]+)\s*([<>=].*)")

Done = Callable[[str], None]


def parse_slo(text: str) -> Criterion:
    """An objective such as `commit_to_present.p99<100ms`. Raises `BadInput`."""
    match = _SLO.fullmatch(text)
    if match is None:
        raise BadInput(f"--slo {text!r}: expected an objective such as commit_to_present.p99<100ms")
    try:
        return parse_criterion(match[1], match[2])
    except ValueError as error:
        raise BadInput(f"--slo: {error}") from None


def objectives_for(scenario: Scenario, slos: Sequence[Criterion]) -> list[Criterion]:
    """The given objectives, or else the scenario's criteria; and, unless they say otherwise, that all are served."""
    given = [*(slos or criteria_of(scenario).values())]
    if any(objective.metric == REFUSED for objective in given):
        return given
    return [*given, parse_criterion(REFUSED, "== 0")]


def judge(objective: Criterion, values: Sequence[Values], confidence: float) -> Judgement:
    """One objective from the metrics of replications.

    The mean over them decides. It is certain when the limit lies outside Student's interval, one-sided at `confidence`.
    A metric without measurements does not hold.
    """
    found = [value[objective.metric].value for value in values if objective.metric in value]
    if len(found) < len(values):
        return Judgement(objective, None, False, True)
    estimate = replications(found, 2 * confidence - 1)
    outside = not estimate.low <= objective.value <= estimate.high or estimate.half_width == 0
    return Judgement(objective, estimate, objective.holds(estimate.mean), outside)


def for_search(scenario: Scenario, duration_s: float | None = None) -> Scenario:
    """The scenario as a search runs it: measured when every client has had a second since its start.

    It lasts `duration_s`; default: until 10 s past its warm-up, at least 20 s, never longer than it is. A p99 of frames
    needs a thousand of them or more ten times over; that is a few seconds of some dozen clients. In either case it goes
    on until `LEAST_S` past the warm-up, so that no client counts as served that was never there.
    """
    warmup_s = max(scenario.warmup_s or 0.0, scenario.settled_s)
    if duration_s is None:
        duration_s = min(scenario.duration_s, max(SHORTEST_S, warmup_s + MEASURED_S))
    lasting = scenario.with_overrides(duration_s=max(duration_s, round(warmup_s + LEAST_S, 3)))
    return with_changes(lasting, {"warmup_s": warmup_s})


@dataclass(frozen=True, slots=True)
class Search:
    """Evaluates alternatives of one key on the model and finds the last that holds."""

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
        """The scenario at a value, as long as it is to be run. Raises `BadInput` when it is not valid."""
        return for_search(with_changes(self.scenario, {self.key: value}), self.duration_s)

    def attempt(self, value: Any) -> Alternative:
        """One alternative: replicated until certain, or until the replications are used up."""
        try:
            base = self.variant(value)
        except BadInput as error:
            return Alternative(value, 0, refused=str(error))
        objectives = objectives_for(base, self.slos)
        # Bonferroni: the confidence is shared by all looks at all objectives.
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
        """The last value, from the modest end, that holds; and the first found that does not."""
        tried: dict[Any, Alternative] = {}

        def holds(value: Any) -> bool:
            if value not in tried:
                tried[value] = self.attempt(value)
            return tried[value].holds

        good, bad = self._bracket(start, bounds, holds)
        while good is not None and bad is not None and len(tried) < _MOST_STEPS:
            middle = _between(good, bad, self.precision)
            if middle is None:
                break
            good, bad = (middle, bad) if holds(middle) else (good, middle)
        return Answer({}, good, tried.get(bad), tuple(tried.values()))

    def _bracket(self, start: Any, bounds: Range | None, holds: Callable[[Any], bool]) -> tuple[Any, Any]:
        """A value that holds and a more demanding one that does not; None for one that there is not."""
        if bounds is not None:
            modest, demanding = (bounds.low, bounds.high) if self.largest else (bounds.high, bounds.low)
            if not holds(modest):
                return None, modest
            return (demanding, None) if holds(demanding) else (modest, demanding)
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
    """The start, then doubled or halved without end; whole numbers end at 1."""
    value = start
    for _ in range(_MOST_STEPS):
        yield value
        following = value * 2 if up else value // 2 if isinstance(value, int) else value / 2
        if following == value or following <= 0:
            return
        value = following


def _between(good: Any, bad: Any, precision: float) -> Any:
    """A value between, None when they are close enough: neighbours, or apart by `precision` of the smaller."""
    gap = abs(bad - good)
    whole = isinstance(good, int) and isinstance(bad, int)
    if gap <= max(1 if whole else 0.0, precision * min(abs(good), abs(bad))):
        return None
    return (good + bad) // 2 if whole else (good + bad) / 2
