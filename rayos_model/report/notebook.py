"""HTML formatters for IPython: a run, a cross-check or a plan as the last value of a notebook cell.

The result classes know nothing of HTML. `rayos_model.api` registers the formatters when it is imported inside IPython.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from rayos_model.comparison.agreement import CrossCheck
from rayos_model.experiments.plan_result import Plan
from rayos_model.run.run import Run


def run(result: Run) -> str:
    """Verdicts and metrics of a run."""
    from rayos_model.report.html import run_summary

    return run_summary(result)


def crosscheck(result: CrossCheck) -> str:
    """Measured and predicted metrics of a cross-check."""
    from rayos_model.report.html import crosscheck_summary

    return crosscheck_summary(result.to_dict())


def plan(result: Plan) -> str:
    """The answer of a plan, with its figure."""
    from rayos_model.report.plans import html

    return html(result)


_FORMATTERS: Final[dict[type, Callable[[Any], str]]] = {Run: run, CrossCheck: crosscheck, Plan: plan}


def register() -> None:
    """Registers the formatters with the IPython shell of this process; does nothing outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for kind, show in _FORMATTERS.items():
        formatter.for_type(kind, show)
