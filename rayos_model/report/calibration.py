"""The HTML page of a calibration: parameters with intervals, residuals, identifiability, sensitivity."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from rayos_model import __version__
from rayos_model.calibration.diagnostics import (
    CONDITION_LIMIT,
)
from rayos_model.experiments.calibration_quality import SENSITIVITY_DURATION_S, SENSITIVITY_SCENARIO, Diagnosis
from rayos_model.report import plots
from rayos_model.report.html import environment

_MAX_FIGURES: Final = 6
_MAX_PER_METRIC: Final = 5


def page(known: Diagnosis) -> str:
    """The self-contained HTML page."""
    parameters = known.parameters
    scheduling, memory = parameters.scheduling, parameters.memory
    dearest = known.fits["pair"].head(_MAX_FIGURES)
    figures = [("All pairs", plots.residuals(known.segments))]
    figures += [(pair, plots.residuals(known.segments, [pair])) for pair in dearest]
    strongest = known.sensitivity.groupby("metric", sort=True).head(_MAX_PER_METRIC)
    return (
        environment()
        .get_template("calibration.html.j2")
        .render(
            title=f"Calibration of {parameters.platform}",
            count=len(parameters.segments),
            observations=int(known.fits["observations"].sum()),
            provenance=parameters.provenance,
            overheads=[
                ("dispatch, ns", scheduling.dispatch_ns, scheduling.dispatch_ci95_ns),
                ("interrupt, ns", scheduling.interrupt_ns, scheduling.interrupt_ci95_ns),
                ("wake-up of an idle CPU, ns", scheduling.idle_wake_ns, scheduling.idle_wake_ci95_ns),
                ("address-space switch, ns", scheduling.space_switch_ns, None),
                ("… to a client that has drawn, additional ns", scheduling.space_switch_used_ns, None),
                ("… per mapped page, additional ns", scheduling.space_switch_mapped_page_ns, None),
                ("… per drawn page, additional ns", scheduling.space_switch_drawn_page_ns, None),
                ("pages in use without clients", memory.base_pages, None),
                ("pages per client", memory.pages_per_client, memory.pages_per_client_ci95),
                ("pages per shared-memory page", memory.pages_per_shm_page, memory.pages_per_shm_page_ci95),
            ],
            figures=[(heading, Markup(plots.svg(figure))) for heading, figure in figures],
            checked=len(known.identifiability),
            confounded=[one for one in known.identifiability if not one.ok],
            limit=CONDITION_LIMIT,
            sensitivity_of=f"{SENSITIVITY_SCENARIO}, {SENSITIVITY_DURATION_S:g} s",
            sensitivities=strongest.sort_values("metric", kind="stable").to_dict("records"),
            segments=[(row, parameters.segments[row["pair"]]) for row in known.fits.to_dict("records")],
            version=__version__,
        )
    )
