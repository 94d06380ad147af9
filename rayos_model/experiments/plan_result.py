"""The result of a plan: the alternatives tried, the answers, their confirmation by the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from rayos_model.analysis.output import Estimate
from rayos_model.scenario.criteria import Criterion

REFUSED: Final = "clients.refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One objective at one alternative: the estimate in the metric's unit, and whether the verdict is certain."""

    objective: Criterion
    estimate: Estimate | None
    holds: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value tried on the model, in runs of `duration_s`. `refused`: why it makes no valid scenario, or empty."""

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
        """Whether the verdict is certain: all objectives certainly hold, or one certainly does not."""
        if self.refused:
            return True
        if self.holds:
            return all(judgement.certain for judgement in self.judgements)
        return any(judgement.certain and not judgement.holds for judgement in self.judgements)

    @property
    def binding(self) -> str:
        """The objectives that do not hold, as text."""
        if self.refused:
            return self.refused
        return ", ".join(_unmet(judgement) for judgement in self.judgements if not judgement.holds)

    @property
    def starves(self) -> bool:
        """Whether more clients failed for lack of memory than the objectives allow."""
        return any(judgement.objective.metric == REFUSED and not judgement.holds for judgement in self.judgements)


def _unmet(judgement: Judgement) -> str:
    objective, estimate = judgement.objective, judgement.estimate
    if objective.metric == REFUSED and estimate is not None:
        return f"{estimate.mean:.4g} clients failed for lack of memory"
    return f"{objective.metric} {objective.text}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A kernel run at one value: the measured metric of each objective, and whether all hold as `expected`."""

    value: Any
    measured: Mapping[str, float | None]
    holds: bool
    expected: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one combination of the other keys; `value` is None when no value meets the objectives."""

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
        """Whether memory is what limits the answer."""
        return self.fails_at is not None and self.fails_at.starves

    @property
    def confirmed(self) -> bool | None:
        """Whether the kernel met the objectives at the answer and failed past it; None without confirmation."""
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
        """The answer, for the first combination of the other keys; None when there is none."""
        return self.answers[0].value

    @property
    def ok(self) -> bool:
        """Whether there is an answer and the kernel, if it was run, confirms every one."""
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


def settings_text(value: Any) -> str:
    """A value of a key as short text."""
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
