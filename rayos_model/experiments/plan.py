"""Capacity planning: the largest (or smallest) value of a scenario key at which all objectives hold.

The model is searched: a bracket by doubling, then bisection. Each value tried (an *alternative*) is replicated with
common random numbers until its verdict is certain at the wanted confidence or the replications are used up. The kernel
can then confirm the answer. Bisection assumes monotony: objectives that hold at a value hold at every easier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.experiments.confirm import confirm_on_kernel
from rayos_model.experiments.design import Range
from rayos_model.experiments.plan_result import Answer, Plan
from rayos_model.experiments.point_store import PointStore
from rayos_model.experiments.search import Done, Search, objectives_for, parse_slo
from rayos_model.experiments.workers import workers
from rayos_model.run.system import ProgressFn, System
from rayos_model.scenario.criteria import Criterion
from rayos_model.scenario.keys import describe, value_of, with_changes
from rayos_model.scenario.scenario import Scenario

STORE: Final = Path("runs", "plan.points")


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
    max_replications: int = 8,
    confidence: float = 0.95,
    precision: float = 0.01,
    parameters: Parameters | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    store: str | Path = STORE,
    done: Done = lambda text: None,
    progress: Callable[[str], ProgressFn] | None = None,
) -> Plan:
    """Finds the largest value of a key that meets all objectives.

    `vary`: dotted key with a numeric value; the search starts at its value in the scenario, or covers `bounds`.
    `slos`: objectives such as `"commit_to_present.p99<100ms"`; default: the scenario's criteria. Memory must suffice
    for all clients, unless an objective allows some to fail for lack of it: `"clients.refused<5"`.
    `smallest`: the keys, of `vary` and `others`, for which a smaller value is better.
    `others`: further keys, each with the values to combine. The search is repeated for each combination, and answers
    that are not Pareto-optimal are marked.
    `confirm`: the kernel, to be run at the answer and just past it; see `confirm_on_kernel`.
    `duration_s`: virtual length of a run; see `for_search`.
    `precision`: relative gap at which bisection of large or fractional numbers stops.
    `store`: folder that keeps finished points. `done` receives a line for each value tried.

    Each verdict on an alternative is certain at `confidence`, or is marked as not certain: one-sided Student intervals
    over replications, with a Bonferroni correction for repeated looks and several objectives. Raises `BadInput`, and
    `PlatformFailure` or `StorageFailure` from running.
    """
    if not 0.5 < confidence < 1:
        raise BadInput(f"confidence: expected a number between 0.5 and 1, got {confidence:g}")
    if max_replications < 2:
        raise BadInput(f"replications: expected at least 2, got {max_replications}")
    objectives = [slo if isinstance(slo, Criterion) else parse_slo(slo) for slo in slos]
    start = value_of(scenario, vary)
    if not isinstance(start, int | float) or isinstance(start, bool):
        raise BadInput(f"{vary}: expected a key with a numeric value, got {start!r}")
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
            base = with_changes(scenario, settings)
            if settings:
                done(describe(settings))
            search = Search(
                *(base, vary, largest, objectives, parameters, PointStore(Path(store)), compute),
                *(duration_s, max_replications, confidence, precision, done),
            )
            found = search.last(start, bounds)
            confirmations = (
                confirm_on_kernel(search, found, confirm, progress) if confirm and found.value is not None else ()
            )
            answers.append(Answer(settings, found.value, found.fails_at, found.tried, confirmations))
    front = pareto_front([a.value for a in answers], [a.settings for a in answers], largest, smallest)
    marked = tuple(
        Answer(a.settings, a.value, a.fails_at, a.tried, a.confirmations, on_front)
        for a, on_front in zip(answers, front, strict=True)
    )
    shown = tuple(objectives_for(scenario, objectives))
    return Plan(scenario.name, vary, largest, shown, confidence, marked, frozenset(smallest))


def _combinations(others: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    from rayos_model.experiments.design import design

    return design(others, None, 0)


def pareto_front(
    values: Sequence[Any], settings: Sequence[Mapping[str, Any]], largest: bool, smallest: Sequence[str]
) -> list[bool]:
    """Whether each answer is Pareto-optimal: no other is at least as good in every key and better in one.

    Values that are not numbers are comparable only if equal. An answer without a value is never optimal.
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
