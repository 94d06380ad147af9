"""Confirmation of a plan: kernel runs at the answer, which must pass, and just past it, one of which must fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rayos_model.experiments.plan_result import REFUSED, Answer, Confirmation, settings_text
from rayos_model.experiments.search import Search, objectives_for
from rayos_model.metrics.metrics import Value
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.toolchain.temporary import temporary_folder


def confirm_on_kernel(
    search: Search, answer: Answer, kernel: System, progress: Callable[[str], ProgressFn] | None
) -> tuple[Confirmation, ...]:
    """Runs the kernel at the answer and at the first value that fails on the model, then 10 % past the answer.

    Stops at the first value past the answer that fails on the kernel. Only the answer is run when the model found no
    value that fails, or when that value makes no valid scenario.
    """
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
    """The value 10 % past another; for integers rounded towards it, but at least the next integer."""
    if isinstance(value, int):
        step = max(1, abs(value) // 10)
        return value + step if up else value - step
    return value * 1.1 if up else value * 0.9


def _check(
    search: Search, value: Any, expected: bool, kernel: System, progress: Callable[[str], ProgressFn] | None
) -> Confirmation:
    scenario = search.variant(value)
    with temporary_folder("plan") as scratch:
        label = f"{search.key} = {settings_text(value)} on {kernel.name}"
        run = execute(kernel, scenario, Path(scratch, "run"), progress(label) if progress else None)
    measured: dict[str, float | None] = {}
    holds = True
    for objective in objectives_for(scenario, search.slos):
        found: Value | None = run.metrics.values.get(objective.metric)
        measured[objective.metric] = found.value if found else None
        holds = holds and found is not None and objective.holds(found.value)
    refused = measured.get(REFUSED)
    starved = f" (memory: {refused:g} clients failed to start)" if refused else ""
    search.done(f"{label}: {'meets' if holds else 'fails'}{starved}")
    return Confirmation(value, measured, holds, expected)
