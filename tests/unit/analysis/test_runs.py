"""Where time goes: the parts add up, the laws hold, and what was made dearer is found to matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayos_model import api
from rayos_model.analysis.bottleneck import PARTS, latency_split, split_by_band, utilisation
from rayos_model.analysis.bounds import bounds, frame_cycle_ns, kingman, pollaczek_khinchine
from rayos_model.calibration import load_calibration
from rayos_model.errors import BadInput
from rayos_model.experiments.tornado import default_keys, scaled, tornado
from rayos_model.report import explain, notebook
from rayos_model.run.run import Run
from tests.support.small import mixture, small_scenario


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return api.run(mixture(), trace_points=True, out=tmp_path_factory.mktemp("runs") / "mixture")


def test_the_parts_of_every_latency_add_up_to_it(run: Run) -> None:
    split = latency_split(run)
    assert (split[list(PARTS)].sum(axis=1) == split["total"]).all()
    assert (split[list(PARTS)] >= 0).all().all()
    assert len(split) >= 0.99 * run.metrics["commit_to_present.count"]
    assert split["total"].mean() / 1000 == pytest.approx(run.metrics["commit_to_present.mean"], rel=0.01)


def test_the_parts_are_what_the_mechanism_makes_them(run: Run) -> None:
    """A pass begins one repaint window before the vblank: pass and wait for the vblank together last that long."""
    split = latency_split(run)
    window = split["composition"] + split["preemption"] + split["vblank_wait"]
    assert np.allclose(window, run.scenario.display.repaint_window_us * 1000, atol=20_000)  # the way there and back
    bands = split_by_band(split)
    assert bands["total"].is_monotonic_increasing
    assert explain.split_figure({"model": bands, "again": bands}).axes


def test_utilisation_adds_up_to_the_busy_time(run: Run) -> None:
    used = utilisation(run)
    busy = run.metrics["cpu.mean"]
    # Interrupts and dispatches belong to no segment of the model; a hundredth of the busy time or so.
    assert busy * 0.85 <= used["cpu_percent"].sum() <= busy * 1.001
    assert used["cpu_percent"].is_monotonic_decreasing
    assert {"composite", "request"} <= set(used["operation"][used["thread"] == "compositor"])
    assert explain.utilisation_figure(used).axes


def test_laws_stand_beside_the_measurements(run: Run) -> None:
    laws = bounds(run).set_index("law")
    cycle = laws.loc["frame cycle"]
    assert cycle["analytic"] <= cycle["measured"] * 1.001
    assert laws["measured"]["Little's law, at most"] <= run.scenario.client_count


def test_the_closed_forms_are_the_textbooks() -> None:
    constant, rng = np.full(1000, 2.0), np.random.default_rng(1)
    assert pollaczek_khinchine(0.25, constant) == pytest.approx(1.0)  # M/D/1: ρ s / (2 (1 − ρ)) with ρ = ½
    service = rng.exponential(1, 200_000)
    assert pollaczek_khinchine(0.5, service) == pytest.approx(1.0, rel=0.02)  # M/M/1: ρ / (μ − λ)
    assert kingman(rng.exponential(2, 200_000), service) == pytest.approx(1.0, rel=0.03)
    assert pollaczek_khinchine(2.0, constant) == kingman(constant, constant) == np.inf
    assert frame_cycle_ns(5e6, 7e6, 16e6) == 16e6
    assert frame_cycle_ns(9e6, 7e6, 16e6) == 32e6
    assert frame_cycle_ns(50e6, 7e6, 16e6) == 64e6


def test_a_run_without_points_is_refused(tmp_path: Path) -> None:
    plain = api.run(small_scenario(duration_s=2), out=tmp_path / "plain")
    for analysis in (utilisation, latency_split, bounds):
        with pytest.raises(BadInput, match="--trace-points"):
            analysis(plain)


def test_a_tornado_finds_what_matters(tmp_path: Path) -> None:
    scenario = small_scenario(duration_s=2, clients=[{"workload": "rendering", "count": 2, "damage": 0.5}])
    metrics = ("frame_rate.mean", "composition.mean")
    keys = ("display.refresh_hz", "machine.quantum_us")
    options = {"metrics": metrics, "keys": keys, "replications": 1, "jobs": 1, "store": tmp_path / "points"}
    table = tornado(scenario, **options)  # type: ignore[arg-type]
    rate = table[table["metric"] == "frame_rate.mean"].set_index("parameter")
    assert rate.index[0] == "display.refresh_hz"
    assert [rate[column]["display.refresh_hz"] for column in ("less", "base", "more")] == [54, 60, 66]
    assert rate["swing"]["machine.quantum_us"] == 0
    painting = table[table["metric"] == "composition.mean"].set_index("parameter")
    assert painting["swing"]["cost.compositor"] == pytest.approx(0.2, rel=0.05)
    assert painting["swing"]["cost.client"] < 0.01
    assert explain.tornado_figure(table, "composition.mean").axes
    assert "cost.compositor" in explain.page("t", {"f": explain.tornado_figure(table, "composition.mean")})


def test_a_variation_that_makes_no_scenario_is_left_out(tmp_path: Path) -> None:
    options = {"metrics": ("cpu.mean",), "replications": 1, "jobs": 1, "store": tmp_path / "points"}
    whole = small_scenario(duration_s=2)
    table = tornado(whole, keys=("clients.0.damage",), **options).set_index("parameter")  # type: ignore[arg-type]
    assert np.isnan(table["more"]["clients.0.damage"])
    assert table["less"]["clients.0.damage"] > 0
    assert "clients.0.rate_hz" in default_keys(whole)
    with pytest.raises(BadInput, match="with a numeric value"):
        tornado(whole, keys=("name",), **options)  # type: ignore[arg-type]


def test_scaled_costs_scale_one_class_of_threads() -> None:
    parameters = load_calibration()
    double = scaled(parameters, "client", 2)
    for name, segment in parameters.segments.items():
        factor = 2 if name.startswith("client.") else 1
        assert double.segments[name].fixed_ns == factor * segment.fixed_ns


def test_results_show_themselves_in_a_notebook(run: Run) -> None:
    assert "commit_to_present.p99" in notebook.run(run)
    check = api.CrossCheck("icount")
    assert notebook.crosscheck(check) == ""
    assert api.load_run(run.path).metrics.values == run.metrics.values
    assert api.load_scenario("soak-16", duration_s=20, clients=32).client_count == 32
    assert all(hasattr(api, name) for name in api.__all__)
