"""How well a calibration is known: what it cannot tell apart is named, and sensitivities are those of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.calibration.diagnostics import Identifiability, fits, identifiability, load_segments, residuals
from rayos_model.calibration.fit import fit_kinds, fit_pairs, fit_scheduling
from rayos_model.calibration.store import calibration_root
from rayos_model.costs.parameters import Memory, Parameters, Scheduling, Segment
from rayos_model.errors import BadInput
from rayos_model.experiments import tornado
from rayos_model.experiments.calibration_quality import Diagnosis
from rayos_model.experiments.elasticity import STEP, elasticities, variations
from rayos_model.metrics.metrics import Metrics, Value
from rayos_model.model import simulate
from rayos_model.report.calibration import page
from rayos_model.scenario import files

FREE = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0)
PAIR = "client.block>receive"


def fitted(table: pd.DataFrame) -> Parameters:
    memory = Memory(base_pages=1, pages_per_client=1, pages_per_shm_page=1)
    kinds = fit_kinds(table, FREE)
    segments = fit_pairs(table, FREE, kinds)
    return Parameters(platform="icount", provenance={}, scheduling=FREE, memory=memory, segments=segments, kinds=kinds)


def table(writes: np.ndarray, size: np.ndarray, noise_ns: float = 0.0) -> pd.DataFrame:
    """Segments that cost 100 ns, 5 ns a write and 0.5 ns a byte."""
    rng = np.random.default_rng(1)
    cost = 100 + 5 * writes + 0.5 * size + rng.normal(0, 1, len(writes)) * noise_ns
    columns = {"bytes": size, "writes": writes, "cpu_ns": cost, "mean_ns": cost, "min_ns": cost, "max_ns": cost}
    data = pd.DataFrame(columns).astype(np.float64)
    return data.assign(irqs=0.0, dispatches=0.0, depth=1.0, pair=PAIR, kind="client.receive", n=1)


def of_pair(data: pd.DataFrame) -> Identifiability:
    (one,) = identifiability(data, fitted(data.drop(columns=["n", "mean_ns", "min_ns", "max_ns"])))
    return one


def test_sizes_that_vary_apart_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    one = of_pair(table(rng.integers(1, 9, 200), rng.integers(8, 4096, 200)))
    assert one.ok
    assert (set(one.fitted), one.aliased) == ({"bytes", "writes"}, ())


def test_a_size_that_follows_from_another_is_named() -> None:
    writes = np.random.default_rng(2).integers(1, 200, 200)
    one = of_pair(table(writes, 32 * writes + 8))
    assert not one.ok
    assert (one.fitted, one.aliased) == (("bytes",), ("writes",))


def test_sizes_that_nearly_follow_from_each_other_are_named() -> None:
    rng = np.random.default_rng(2)
    writes = rng.integers(1, 200, 200)
    one = of_pair(table(writes, 1000 * writes + rng.integers(0, 5000, 200)))
    assert not one.ok
    assert one.aliased == ()
    assert set(one.closest or ()) == {"bytes", "writes"}
    assert one.correlation > 0.99


def test_what_a_fit_explains_leaves_no_residual_and_noise_does() -> None:
    rng = np.random.default_rng(2)
    writes, size = rng.integers(1, 9, 400), rng.integers(8, 4096, 400)
    for noise_ns in (0.0, 20.0):
        data = table(writes, size, noise_ns)
        (row,) = fits(data, fitted(data.drop(columns=["n", "mean_ns", "min_ns", "max_ns"]))).to_dict("records")
        # The root mean square of 400 normal residuals has a relative standard error of 3.5 %.
        assert row["rms_ns"] == pytest.approx(noise_ns, rel=0.15, abs=1e-6)
        assert row["bias"] == pytest.approx(0, abs=1e-6 + 3 * noise_ns / 20 / row["mean_ns"])
        assert row["observations"] == 400


def test_overheads_of_scheduling_have_intervals_that_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    rows = 400
    data = table(np.full(rows, 2), np.full(rows, 64), noise_ns=10)
    irqs, dispatches = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    data = data.assign(
        irqs=irqs * 1.0, dispatches=dispatches * 1.0, cpu_ns=data["cpu_ns"] + 250 * irqs + 130 * dispatches
    )
    scheduling = fit_scheduling(data.drop(columns=["n", "mean_ns", "min_ns", "max_ns"]), rng.normal(218, 3, 200))
    for interval, truth in (
        (scheduling.interrupt_ci95_ns, 250),
        (scheduling.dispatch_ci95_ns, 130),
        (scheduling.idle_wake_ci95_ns, 218),
    ):
        assert interval is not None
        low, high = interval
        # The reference among equals is itself a median of about 45 noisy rows: its error comes on top of the interval.
        assert low - 5 < truth < high + 5
        assert high - low < 20


def test_the_shipped_calibration_has_no_bias_where_cpu_time_goes() -> None:
    segments = load_segments(calibration_root() / "icount")
    table = fits(segments, load_calibration())
    assert table["share"].sum() == pytest.approx(1)
    often = table[table["share"] > 0.001]
    # A fit with an intercept leaves a mean residual of zero, as far as no cost had to be kept from being negative.
    assert often["bias"].abs().max() < 0.01


def test_a_calibration_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"segments\.csv"):
        load_segments(tmp_path)


# ---- sensitivity ---------------------------------------------------------------------------------


def test_an_elasticity_is_the_exponent() -> None:
    def metrics(value: float) -> Metrics:
        return Metrics({"composition.mean": Value(value, "us"), "cpu.mean": Value(5.0, "%")})

    found = elasticities(metrics(100), metrics(100 * (1 + STEP) ** 0.5))
    assert found["composition.mean"] == pytest.approx(0.5)
    assert found["cpu.mean"] == 0


def test_a_variation_changes_one_parameter_and_the_model_notices() -> None:
    shipped = load_calibration()
    varied = dict(variations(shipped, 2.0))
    assert {"scheduling.dispatch", "memory.base_pages", "compositor.composite"} <= set(varied)
    dispatch = varied["scheduling.dispatch"]
    assert dispatch.scheduling.dispatch_ns == 2 * shipped.scheduling.dispatch_ns
    assert (dispatch.segments, dispatch.memory) == (shipped.segments, shipped.memory)
    what = files.load("validation/mixed-4").with_overrides(duration_s=2)
    base, slow = simulate(what, shipped), simulate(what, varied["compositor.composite"])
    assert slow["composition.mean"] == pytest.approx(2 * base["composition.mean"], rel=0.05)
    assert slow["buffer_commit.p50"] == base["buffer_commit.p50"], "a commit does not wait for a pass in this scenario"


def test_a_segment_is_scaled_alike_by_a_pace_an_elasticity_and_a_tornado() -> None:
    """What SMP adds is scaled as well: 1.1 × (233.4 + 207.7) ns, not 1.1 × 233.4 + 207.7 = 464.4 ns."""
    segment = Segment(fixed_ns=233.4, smp_ns=207.7, by_sizes_ns={"bytes=32": 300.0}, observations=9)
    shipped = load_calibration()
    alone = shipped.model_copy(
        update={"segments": {"compositor.block>repaint": segment}, "kinds": {"compositor.repaint": segment}}
    )
    scaled = (
        alone.scaled(1.1),
        dict(variations(alone, 1.1))["compositor.repaint"],
        tornado.scaled(alone, "compositor", 1.1),
    )
    for parameters in scaled:
        found = parameters.on_smp().segments["compositor.block>repaint"]
        assert found.fixed_ns == pytest.approx(485.2, abs=0.05)
        assert found.by_sizes_ns == {"bytes=32": pytest.approx(1.1 * 507.7)}
        assert parameters.kinds["compositor.repaint"] == segment.scaled(1.1)


def test_the_page_shows_parameters_residuals_and_what_cannot_be_told_apart() -> None:
    parameters = load_calibration()
    segments = load_segments(calibration_root() / "icount")
    rows = pd.DataFrame(
        [("compositor.composite", "composition.mean", 1.0)], columns=["parameter", "metric", "elasticity"]
    )
    checked = tuple(identifiability(segments, parameters))
    shown = page(Diagnosis(parameters, residuals(segments, parameters), fits(segments, parameters), checked, rows))
    assert shown.count("<svg") >= 7
    for one in checked:
        assert one.ok or one.pair.replace(">", "&gt;") in shown
    assert all(pair.replace(">", "&gt;") in shown for pair in parameters.segments)
    assert "<script" not in shown
