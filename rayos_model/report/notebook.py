"""Formatters for IPython: how runs, cross-checks and plans show themselves in a notebook.

Results carry no HTML of their own; `rayos_model.api` registers these when it is imported inside IPython.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from rayos_model.comparison.agreement import CrossCheck
from rayos_model.experiments.plan_result import Plan
from rayos_model.run.run import Run


def run(result: Run) -> str:
    """A run's verdicts and metrics as HTML."""
    from rayos_model.report.html import run_summary

    return run_summary(result)


def crosscheck(result: CrossCheck) -> str:
    """A cross-check's rows as HTML."""
    from rayos_model.report.html import crosscheck_summary

    return crosscheck_summary(result.to_dict())


def plan(result: Plan) -> str:
    """A plan's answer with its figure as HTML."""
    from rayos_model.report.plans import html

    return html(result)


_FORMATTERS: Final[dict[type, Callable[[Any], str]]] = {Run: run, CrossCheck: crosscheck, Plan: plan}


def register() -> None:
    """Registers the formatters with the IPython shell that runs this process; does nothing where there is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for kind, show in _FORMATTERS.items():
        formatter.for_type(kind, show)
