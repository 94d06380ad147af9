"""Capacity planning: the largest (or smallest) value of a scenario key at which all objectives hold.

A search on the model: bracket by doubling, then bisect. Each alternative is replicated, with the random numbers of all
others, until its verdict is certain enough or the replications are used up. Then, if asked, the kernel is run at the
answer and just past it. Bisection assumes that what holds at a value holds at every more modest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from rayos_model.analysis.output import Estimate, replications
from rayos_model.criteria import Criterion, criteria_of, parse_criterion
from rayos_model.errors import BadInput
from rayos_model.keys import describe, value_of, varied
from rayos_model.metrics import Value
from rayos_model.parameters import Parameters
from rayos_model.points import Executor, PointStore, Values, evaluate, workers
from rayos_model.scenario import Scenario
from rayos_model.sweep import Range
from rayos_model.systems import ProgressFn, System, execute

STORE: Final = Path("runs", "plan.points")
LOOKS: Final = 3
"""Times an alternative is judged: after a quarter, a half and all of its replications (at least two)."""
SHORTEST_S: Final = 20.0
MEASURED_S: Final = 10.0
LEAST_S: Final = 2.0
"""Every run goes on so long past warm-up and the second after the last client's start: one whole second at least."""
REFUSED: Final = "clients.refused"
_MOST_STEPS: Final = 60
_SLO: Final = re.compile(r"\s*([\w.]+)\s*([<>=].*)")

Done = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One objective at one alternative: the estimate in the metric's unit; `certain` at the plan's confidence."""

    objective: Criterion
    estimate: Estimate | None
    holds: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value tried on the model, in runs of `duration_s`. `refused` says why a scenario with it is not valid."""

    value: Any
    replications: int
    judgements: tuple[Judgement, ...] = ()
    refused: str = ""
    duration_s: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether all objectives hold."""
        return not self.refused and all(judgement.holds for judgement in self.judgements)

    @property
    def certain(self) -> bool:
        """Whether that is certain: every objective that holds, or any that does not."""
        if self.refused:
            return True
        if self.holds:
            return all(judgement.certain for judgement in self.judgements)
        return any(judgement.certain and not judgement.holds for judgement in self.judgements)

    @property
    def binding(self) -> str:
        """What does not hold."""
        if self.refused:
            return self.refused
        return ", ".join(_unmet(judgement) for judgement in self.judgements if not judgement.holds)

    @property
    def starves(self) -> bool:
        """Whether clients were refused for want of memory, more than the objectives allow."""
        return any(judgement.objective.metric == REFUSED and not judgement.holds for judgement in self.judgements)


def _unmet(judgement: Judgement) -> str:
    objective, estimate = judgement.objective, judgement.estimate
    if objective.metric == REFUSED and estimate is not None:
        return f"{estimate.mean:.4g} clients refused for want of memory"
    return f"{objective.metric} {objective.text}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The kernel at one value: what it measured for each objective, and whether they held."""

    value: Any
    measured: Mapping[str, float | None]
    holds: bool
    expected: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one setting of the other knobs; `value` is None when no value meets the objectives."""

    settings: Mapping[str, Any]
    value: Any
    fails_at: Alternative | None
    tried: tuple[Alternative, ...]
    confirmations: tuple[Confirmation, ...] = ()
    on_front: bool = True

    @property
    def certain(self) -> bool:
        """Whether the verdicts at the answer and just past it are certain at the plan's confidence."""
        ends = [a for a in self.tried if a.value == self.value] + ([self.fails_at] if self.fails_at else [])
        return all(end.certain for end in ends)

    @property
    def memory_binds(self) -> bool:
        """Whether it is memory that more than the answer would want."""
        return self.fails_at is not None and self.fails_at.starves

    @property
    def confirmed(self) -> bool | None:
        """Whether the kernel met the objectives at the answer and failed past it; None when it was not asked."""
        if not self.confirmations:
            return None
        return self.confirmations[0].holds and any(not c.holds for c in self.confirmations[1:])


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of a search; see `rayos_model.report.plans` for tables and figures."""

    scenario: str
    key: str
    largest: bool
    objectives: tuple[Criterion, ...]
    confidence: float
    answers: tuple[Answer, ...]
    smallest: frozenset[str] = field(default_factory=frozenset)

    @property
    def value(self) -> Any:
        """The answer (of the first setting of the other knobs); None when there is none."""
        return self.answers[0].value

    @property
    def ok(self) -> bool:
        """Whether there is an answer, and the kernel, where asked, confirms every one."""
        return any(a.value is not None for a in self.answers) and all(a.confirmed is not False for a in self.answers)

    def to_dict(self) -> dict[str, Any]:
        """The document of `rayos plan --json`."""
        return {
            "ok": self.ok,
            "scenario": self.scenario,
            "vary": self.key,
            "direction": "largest" if self.largest else "smallest",
            "objectives": [f"{o.metric} {o.text}" for o in self.objectives],
            "confidence": self.confidence,
            "answers": [_answer_dict(answer) for answer in self.answers],
        }

    def _repr_html_(self) -> str:
        from rayos_model.report.plans import html

        return html(self)


def _answer_dict(answer: Answer) -> dict[str, Any]:
    return {
        "settings": dict(answer.settings),
        "value": answer.value,
        "certain": answer.certain,
        "on_front": answer.on_front,
        "fails_at": answer.fails_at.value if answer.fails_at else None,
        "binding": answer.fails_at.binding if answer.fails_at else None,
        "memory_binds": answer.memory_binds,
        "confirmed": answer.confirmed,
        "confirmations": [
            {"value": c.value, "holds": c.holds, "measured": dict(c.measured)} for c in answer.confirmations
        ],
        "tried": [
            {
                "value": tried.value,
                "holds": tried.holds,
                "certain": tried.certain,
                "replications": tried.replications,
                "duration_s": tried.duration_s,
                "refused": tried.refused or None,
                "metrics": {
                    j.objective.metric: {
                        "mean": j.estimate.mean if j.estimate else None,
                        "low": j.estimate.low if j.estimate else None,
                        "high": j.estimate.high if j.estimate else None,
                        "unit": j.objective.unit,
                        "holds": j.holds,
                    }
                    for j in tried.judgements
                },
            }
            for tried in answer.tried
        ],
    }


# ---- objectives -----------------------------------------------------------------------------------


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


# ---- the search -------------------------------------------------------------------------------------


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
    return varied(lasting, {"warmup_s": warmup_s})


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
    most_replications: int
    confidence: float
    precision: float
    done: Done

    def variant(self, value: Any) -> Scenario:
        """The scenario at a value, as long as it is to be run. Raises `BadInput` when it is not valid."""
        return for_search(varied(self.scenario, {self.key: value}), self.duration_s)

    def attempt(self, value: Any) -> Alternative:
        """One alternative: replicated until certain, or until the replications are used up."""
        try:
            base = self.variant(value)
        except BadInput as error:
            return Alternative(value, 0, refused=str(error))
        objectives = objectives_for(base, self.slos)
        # Bonferroni: the confidence is shared by all looks at all objectives.
        level = 1 - (1 - self.confidence) / (LOOKS * len(objectives))
        counts = sorted({max(2, self.most_replications // divisor) for divisor in (4, 2, 1)})
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
        self.done(f"{self.key} = {_text(value)}: {outcome}, {runs_made}")
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


def plan(
    scenario: Scenario,
    vary: str,
    slos: Sequence[str | Criterion] = (),
    *,
    smallest: Sequence[str] = (),
    bounds: Range | None = None,
    others: Mapping[str, Sequence[Any]] | None = None,
    confirm: System | None = None,
    duration_s: float | None = None,
    most_replications: int = 8,
    confidence: float = 0.95,
    precision: float = 0.01,
    parameters: Parameters | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    store: str | Path = STORE,
    done: Done = lambda text: None,
    progress: Callable[[str], ProgressFn] | None = None,
) -> Plan:
    """Find the largest value of a key that meets all objectives.

    `vary` is a dotted key with a numeric value, searched from its value in the scenario on, or within `bounds`.
    `slos` are objectives such as `"commit_to_present.p99<100ms"`; default: the scenario's criteria. Memory must suffice
    for all clients, unless an objective says how many may be refused: `"clients.refused<5"`. `smallest` names keys of
    which less is better. `others` maps further keys to values: the search is made for each combination, and answers
    that another one beats in every key are marked as off the Pareto front. `confirm` is a system, the kernel, to be run
    at the answer and at the first failing value (if that meets the objectives, 10 % past the answer). `duration_s`: see
    `for_search`. `precision` is the relative gap at which the bisection of large or fractional numbers stops.

    Each verdict on an alternative is certain at `confidence` (one-sided Student intervals over replications, shared by
    Bonferroni over looks and objectives), or is marked as not certain. Raises `BadInput`; what running raises.
    """
    if not 0.5 < confidence < 1:
        raise BadInput(f"confidence: expected a share between 0.5 and 1, got {confidence:g}")
    if most_replications < 2:
        raise BadInput(f"replications: expected at least 2, got {most_replications}")
    objectives = [slo if isinstance(slo, Criterion) else parse_slo(slo) for slo in slos]
    start = value_of(scenario, vary)
    if not isinstance(start, int | float) or isinstance(start, bool):
        raise BadInput(f"{vary}: expected a key with a number to vary, this one is {start!r}")
    others = others or {}
    unknown = [key for key in smallest if key not in (vary, *others)]
    if unknown:
        raise BadInput(f"--smallest {unknown[0]}: expected one of the varied keys: {', '.join((vary, *others))}")
    if parameters is None:
        from rayos_model.calibration import load_calibration

        parameters = load_calibration()
    largest = vary not in smallest
    answers = []
    with workers(jobs, dask) as compute:
        for settings in _combinations(others):
            base = varied(scenario, settings)
            if settings:
                done(describe(settings))
            search = Search(
                *(base, vary, largest, objectives, parameters, PointStore(Path(store)), compute),
                *(duration_s, most_replications, confidence, precision, done),
            )
            found = search.last(start, bounds)
            confirmations = _confirm(search, found, confirm, progress) if confirm and found.value is not None else ()
            answers.append(Answer(settings, found.value, found.fails_at, found.tried, confirmations))
    front = pareto_front([a.value for a in answers], [a.settings for a in answers], largest, smallest)
    marked = tuple(
        Answer(a.settings, a.value, a.fails_at, a.tried, a.confirmations, on_front)
        for a, on_front in zip(answers, front, strict=True)
    )
    shown = tuple(objectives_for(scenario, objectives))
    return Plan(scenario.name, vary, largest, shown, confidence, marked, frozenset(smallest))


def _combinations(others: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    from rayos_model.sweep import design

    return design(others, None, 0)


def pareto_front(
    values: Sequence[Any], settings: Sequence[Mapping[str, Any]], largest: bool, smallest: Sequence[str]
) -> list[bool]:
    """Which answers no other beats: at least as good in every knob and better in one.

    A knob whose values are no numbers counts as equal only to itself. An answer without value is on no front.
    """

    def coordinates(value: Any, setting: Mapping[str, Any]) -> list[Any]:
        signed = [value if largest else -value]
        return signed + [
            v if not isinstance(v, int | float) or key not in smallest else -v for key, v in setting.items()
        ]

    def at_least(a: Any, b: Any) -> bool:
        return bool(a >= b) if isinstance(a, int | float) and isinstance(b, int | float) else bool(a == b)

    points = [None if v is None else coordinates(v, s) for v, s in zip(values, settings, strict=True)]
    return [
        mine is not None
        and not any(theirs is not None and theirs != mine and all(map(at_least, theirs, mine)) for theirs in points)
        for mine in points
    ]


# ---- the kernel's word --------------------------------------------------------------------------------


def _confirm(
    search: Search, answer: Answer, kernel: System, progress: Callable[[str], ProgressFn] | None
) -> tuple[Confirmation, ...]:
    """The kernel at the answer and at the first failing value; if that holds there, at 10 % past the answer."""
    checks = [_check(search, answer.value, True, kernel, progress)]
    if answer.fails_at is None or answer.fails_at.refused:
        return tuple(checks)
    past = _past(answer.value, search.largest)
    for value in dict.fromkeys((answer.fails_at.value, past)):
        checks.append(_check(search, value, False, kernel, progress))
        if not checks[-1].holds:
            break
    return tuple(checks)


def _past(value: Any, up: bool) -> Any:
    """The value 10 % past another; of whole numbers the last within 10 %, at least the next."""
    if isinstance(value, int):
        step = max(1, abs(value) // 10)
        return value + step if up else value - step
    return value * 1.1 if up else value * 0.9


def _check(
    search: Search, value: Any, expected: bool, kernel: System, progress: Callable[[str], ProgressFn] | None
) -> Confirmation:
    import tempfile

    scenario = search.variant(value)
    with tempfile.TemporaryDirectory(prefix="rayos-plan-") as scratch:
        label = f"{search.key} = {_text(value)} on {kernel.name}"
        run = execute(kernel, scenario, Path(scratch, "run"), progress(label) if progress else None)
    measured: dict[str, float | None] = {}
    holds = True
    for objective in objectives_for(scenario, search.slos):
        found: Value | None = run.metrics.values.get(objective.metric)
        measured[objective.metric] = found.value if found else None
        holds = holds and found is not None and objective.holds(found.value)
    refused = measured.get(REFUSED)
    starved = f" (memory: {refused:g} clients refused)" if refused else ""
    search.done(f"{label}: {'meets' if holds else 'fails'}{starved}")
    return Confirmation(value, measured, holds, expected)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
