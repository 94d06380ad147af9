"""Pages stand alone and show what was measured; figures exist for any runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from rayos_model.report import html, notebook, plots, tables
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario import files
from tests.support.small import RecordedSystem, small_scenario, small_trace

CHECK: dict[str, Any] = {
    "ok": False,
    "platform": "icount",
    "scenarios": [
        {
            "scenario": "mixed-4",
            "ok": False,
            "metrics": [
                {
                    "name": "commit_to_present.p99",
                    "unit": "us",
                    "measured": 14200.0,
                    "predicted": 14500.0,
                    "error": 0.0211,
                    "tolerance": 0.1,
                    "ok": True,
                },
                {
                    "name": "cpu.mean",
                    "unit": "%",
                    "measured": 20.0,
                    "predicted": 26.0,
                    "error": 6.0,
                    "tolerance": 3.0,
                    "ok": False,
                },
            ],
        }
    ],
}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Run, Run]:
    def make(name: str, latency_ns: int) -> Run:
        trace = small_trace(latency_ns=latency_ns)
        return execute(RecordedSystem(trace, name), small_scenario(), tmp_path / name)

    return make("kernel", 5_000_000), make("model", 6_000_000)


def test_a_page_stands_alone(pair: tuple[Run, Run], tmp_path: Path) -> None:
    page = html.runs_page(pair, check=CHECK)
    html.write_page(tmp_path / "deep" / "page.html", page)
    assert page.count("<svg") >= 4
    assert "commit_to_present.p99" in page
    assert 'name="viewport"' in page
    assert "@media print" in page
    assert 'src="http' not in page
    assert 'href="http' not in page.replace('xlink:href="http', "")
    assert "<metadata>" not in page  # would name hosts that have no part in it


def test_a_page_can_be_read_without_seeing_it(pair: tuple[Run, Run]) -> None:
    """Every figure and picture has a text, every table a caption, every header cell says what it heads."""
    page = html.runs_page(pair, check=CHECK)
    figures = re.findall(r'<svg role="img" aria-label="([^"]*)"', page)
    assert len(figures) == page.count("<svg") and all(figures)
    assert "fraction of samples at or below against commit to present, µs: " in " | ".join(figures)
    assert page.count("<table><caption>") == page.count("<table")
    assert page.count("<th scope=") == len(re.findall(r"<th\b", page))
    assert not re.search(r"<th[^>]*></th>", page)


def test_a_cross_check_has_a_page_and_a_table() -> None:
    page = html.crosscheck_page(CHECK)
    assert "✗ FAIL" in page
    assert "6.00 points" in page
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(tables.crosscheck(CHECK["scenarios"][0]))
    text = console.export_text()
    assert "DISAGREES" in text
    assert "2.1%" in text
    assert "14.2 ms" in text


def test_a_shortened_run_is_said_to_be_as_long_as_it_was(tmp_path: Path) -> None:
    shortened = small_scenario(duration_s=3600).with_overrides(duration_s=5)
    run = execute(RecordedSystem(small_trace()), shortened, tmp_path / "run")
    assert "1 client, 5 s, measured from 1 s on" in html.runs_page([run])
    assert "small on model (icount), 5 s: passed" in str(tables.verdicts(run).title)
    assert "small on model (icount), 5 s: passed" in notebook.run(run)


def test_descriptions_leave_the_length_to_the_run() -> None:
    told = [files.load_shipped(name).description for kind in ("", "validation") for name in files.shipped(kind)]
    assert all(told)
    assert not [text for text in told if re.search(r"\b(hours?|minutes?|\w+ seconds|\d+ s)\b", text)]


def test_text_from_a_run_is_escaped(pair: tuple[Run, Run]) -> None:
    assert "<b>bold" not in html.runs_page(pair, title="<b>bold")


def test_events_are_paired_by_client_and_order(pair: tuple[Run, Run]) -> None:
    measured, predicted = plots.paired(*pair, "commit_to_present")
    assert len(measured) == len(predicted) == 300
    np.testing.assert_array_equal(predicted - measured, 1_000_000)
    assert html.event_pair([pair[1], pair[0]]) == pair


@pytest.mark.parametrize("tail", [False, True])
def test_figures_are_drawn(pair: tuple[Run, Run], tail: bool) -> None:
    for figure in (
        plots.timeline(pair),
        plots.latency_cdf(pair, "commit_to_present", tail=tail),
        plots.latency_cdf(pair, "composition", tail=tail),
        plots.event_scatter(*pair),
        plots.prediction_bars(CHECK["scenarios"][0]),
    ):
        assert plots.svg(figure).startswith("<svg")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(None, "us", "–"), (412.0, "us", "412 µs"), (14_200, "us", "14.2 ms"), (60, "fps", "60 fps"), (0, "", "0")],
)
def test_numbers_read_well(value: float | None, unit: str, text: str) -> None:
    assert tables.number(value, unit) == text
