"""Where CPU time went: every nanosecond of every thread once, and a picture of it that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from rayos_model.analysis.hot_paths import hot_paths
from rayos_model.hardware import KernelSystem
from rayos_model.report import html
from rayos_model.report.flame import flame_graph
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.trace.parquet import points


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    what = files.load("validation/mixed-4").with_overrides(duration_s=2)
    return execute(KernelSystem(trace_points=True), what, tmp_path_factory.mktemp("hot") / "run")


def test_every_nanosecond_counts_once(run: Run) -> None:
    table = hot_paths(run)
    segments = points(run.trace())
    assert table["total_ns"].sum() == segments["cpu_ns"].sum()
    assert table["calls"].sum() == len(segments)
    assert table["share"].sum() == pytest.approx(1)
    assert table["total_ns"].is_monotonic_decreasing
    assert table["operation"].iloc[0] == "compositor.composite"


def test_threads_account_for_the_time_that_is_not_idle(run: Run) -> None:
    # The CPU metric comes from the idle thread's clock, the profile from everyone else's: two ways to one number.
    seconds = run.metrics.seconds["cpu_percent"]
    busy_ns = sum(1e7 * percent for percent in seconds if percent is not None)
    # Interrupts that find the CPU idle, and what clients do after the last snapshot, are in one of them only.
    assert hot_paths(run)["total_ns"].sum() == pytest.approx(busy_ns, rel=0.1)


def test_a_boxs_width_is_its_time() -> None:
    table = pd.DataFrame(
        {
            "operation": ["compositor.request.a.b", "compositor.request.c.d", "compositor.flip", "client.<x>"],
            "calls": [1, 2, 3, 4],
            "total_ns": [400.0, 200.0, 200.0, 200.0],
        }
    )
    drawing = flame_graph(table)
    name = "{http://www.w3.org/2000/svg}"
    boxes = {
        str(group.findtext(f"{name}title")).split(":")[0]: group.find(f"{name}rect")
        for group in ElementTree.fromstring(drawing).iter(f"{name}g")
    }
    widths = {key: float(box.attrib["width"]) for key, box in boxes.items() if box is not None}
    assert widths == {
        "all threads": 1000,
        "compositor": 800,
        "request": 600,
        "a.b": 400,
        "c.d": 200,
        "flip": 200,
        "client": 200,
        "<x>": 200,
    }
    assert "<x>" not in drawing, "text is escaped"


def test_the_page_of_a_run_with_points_has_graph_and_table(run: Run, tmp_path: Path) -> None:
    page = html.runs_page([run])
    assert 'class="flame"' in page
    assert re.search(r"<t[dh][^>]*>compositor\.composite</t[dh]>", page)
    assert "<script" not in page
    assert not re.search(r'(src|href)="http', page.replace('xlink:href="http', ""))
