"""Tables and figures of capacity plans, for terminal, notebook and page."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table
from rich.text import Text

from rayos_model.experiments.plan_result import REFUSED, Alternative, Answer, Confirmation, Plan
from rayos_model.report.html import sections_page, write_page
from rayos_model.report.plots import COLOURS, save, svg, tidy
from rayos_model.report.tables import number, outcome
from rayos_model.scenario.keys import describe


def headline(plan: Plan, answer: Answer) -> str:
    """The answer as one sentence."""
    where = f" with {describe(answer.settings)}" if answer.settings else ""
    which = "largest" if plan.largest else "smallest"
    objectives = " and ".join(f"{o.metric} {o.text}" for o in plan.objectives)
    if answer.value is None:
        return f"{plan.scenario}{where}: no {plan.key} meets {objectives}"
    sure = f"{plan.confidence:.0%} confidence" if answer.certain else f"not certain at {plan.confidence:.0%} confidence"
    past = ""
    if answer.fails_at is not None:
        past = f"; {plan.key} = {number(answer.fails_at.value)} fails: {answer.fails_at.binding}"
        if answer.memory_binds:
            past += f"; memory binds at {number(answer.value)}"
    return f"{plan.scenario}{where}: the {which} {plan.key} is {number(answer.value)} for {objectives} ({sure}){past}"


def alternatives(plan: Plan, answer: Answer) -> Table:
    """The values tried on the model, in order, with the verdicts of model and kernel."""
    table = Table(title_justify="left")
    table.add_column(plan.key, justify="right")
    for objective in plan.objectives:
        table.add_column(objective.metric.replace(".", ".\n", 1) + f"\n{objective.text.split(',')[0]}", justify="right")
    table.add_column("runs", justify="right")
    table.add_column("seconds each", justify="right")
    table.add_column("model")
    if answer.confirmations:
        table.add_column("kernel")
    kernel = {c.value: c for c in answer.confirmations}
    tried = {alternative.value: alternative for alternative in answer.tried}
    for value in sorted({*tried, *kernel}):
        model = tried.get(value, Alternative(value, 0))
        cells = [_estimate(model, index) for index in range(len(plan.objectives))]
        verdict = outcome(model.holds) if model.replications else Text("refused" if model.refused else "–")
        if not model.certain and model.replications:
            verdict = verdict + Text(" ?")
        if model.starves:
            verdict = verdict + Text(" memory binds")
        length = number(model.duration_s) if model.replications else "–"
        row: list[str | Text] = [number(value), *cells, str(model.replications or "–"), length, verdict]
        if answer.confirmations:
            row.append(_kernel(plan, kernel[value]) if value in kernel else Text("–"))
        table.add_row(*row)
    return table


def _estimate(alternative: Alternative, index: int) -> str:
    if index >= len(alternative.judgements) or alternative.judgements[index].estimate is None:
        return "–"
    judgement = alternative.judgements[index]
    estimate, unit = judgement.estimate, judgement.objective.unit
    assert estimate is not None
    spread = f" ± {number(estimate.half_width, unit)}" if estimate.half_width else ""
    return number(estimate.mean, unit) + spread


def _kernel(plan: Plan, confirmation: Confirmation) -> Text:
    first = plan.objectives[0]
    return outcome(confirmation.holds) + Text(f" {number(confirmation.measured.get(first.metric), first.unit)}")


def front(plan: Plan) -> pd.DataFrame:
    """One row for each combination of the other keys.

    Columns: one per key; the answer, named after the varied key; binding (what fails just past it); certain; on_front.
    """
    rows = [
        {
            **answer.settings,
            plan.key: answer.value,
            "binding": _binding(answer),
            "certain": answer.certain,
            "on_front": answer.on_front,
        }
        for answer in plan.answers
    ]
    return pd.DataFrame(rows)


def _binding(answer: Answer) -> str:
    if answer.memory_binds:
        return "memory"
    return answer.fails_at.binding if answer.fails_at else ""


def front_table(plan: Plan) -> Table:
    """The answers for all combinations of the other keys, Pareto-optimal ones marked."""
    frame = front(plan)
    table = Table(title="answers; * marks the Pareto front", title_justify="left")
    for column in (*frame.columns[:-2], ""):
        table.add_column(column, justify="left" if column == "binding" else "right")
    for row in frame.itertuples(index=False):
        value = [number(cell) if isinstance(cell, int | float) else str(cell) for cell in row[:-2]]
        table.add_row(*value, "*" if row[-1] else "")
    return table


def figure(plan: Plan) -> Figure:
    """Each objective against the varied key: estimates with intervals, limit, answer, and kernel measurements.

    The panel of clients that failed for lack of memory is left out when there are none.
    """
    starved = any(alternative.starves for answer in plan.answers for alternative in answer.tried)
    objectives = list(enumerate(plan.objectives))
    shown = [(i, o) for i, o in objectives if o.metric != REFUSED or starved] or objectives
    result = Figure(figsize=(6, 2.3 * len(shown)), layout="constrained")
    axes = result.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (index, objective) in zip(axes, shown, strict=True):
        scale, unit = (1000.0, "ms") if objective.unit == "us" else (1.0, objective.unit)
        for nth, answer in enumerate(plan.answers):
            label = describe(answer.settings) or "model"
            tried = sorted((a for a in answer.tried if a.judgements), key=lambda a: a.value)
            estimates = [(a.value, a.judgements[index].estimate) for a in tried]
            known = [(value, e) for value, e in estimates if e is not None]
            axis.errorbar(
                [value for value, _ in known],
                [e.mean / scale for _, e in known],
                yerr=[e.half_width / scale for _, e in known],
                color=COLOURS[nth % 7],
                marker="o",
                markersize=3.5,
                linewidth=1.2,
                capsize=2,
                label=label,
            )
            checks = [(c.value, c.measured.get(objective.metric)) for c in answer.confirmations]
            measured = [(value, m / scale) for value, m in checks if m is not None]
            if measured:
                x, y = zip(*measured, strict=True)
                axis.scatter(x, y, marker="x", color="black", zorder=3, label="kernel" if nth == 0 else None)
            if answer.value is not None:
                axis.axvline(answer.value, color=COLOURS[nth % 7], linestyle=":", linewidth=1)
        axis.axhline(objective.value / scale, color="black", linestyle="--", linewidth=1)
        axis.set_ylabel(f"{objective.metric}{', ' + unit if unit else ''}", fontsize="small")
        tidy(axis)
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel(f"{plan.key} (dotted: the answer; dashed: the limit)")
    return result


def html(plan: Plan) -> str:
    """The plan as HTML: the answers as sentences and, for several, a table; the figure."""
    sentences = "".join(f"<p>{escape(headline(plan, answer))}</p>" for answer in plan.answers)
    table = front(plan).to_html(index=False) if len(plan.answers) > 1 else ""
    return f"<div>{sentences}{table}{svg(figure(plan))}</div>"


def write(plan: Plan, target: Path) -> None:
    """Writes the figure or, for a target ending in `.html`, a page with answers and figure. Raises `StorageFailure`."""
    if target.suffix == ".html":
        write_page(target, sections_page(f"Plan of {plan.scenario}", {"": html(plan)}))
    else:
        save(figure(plan), target)
