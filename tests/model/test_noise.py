"""Costs that vary: draws have the distribution whose quantiles calibration kept, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from rayos_model.calibration.fit import fit_kinds, fit_pairs, fit_persistence
from rayos_model.costs.cache_state import CacheState
from rayos_model.costs.parameters import PROBABILITIES, Memory, Parameters, Scheduling, Segment
from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.uniprocessor import Uniprocessor
from rayos_model.model.noise import Noise
from rayos_model.model.service_times import CostModel, NoisyFlow, Path

MEMORY = Memory(base_pages=0, pages_per_client=0, pages_per_shm_page=0, residual_std_pages=0)
SCHEDULING = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0)


def test_draws_have_the_quantiles_that_were_kept() -> None:
    noise = Noise(seed=1, stream=2)
    spread = np.quantile(np.random.default_rng(3).lognormal(0.0, 0.5, 100_000), PROBABILITIES).tolist()
    drawn = [noise.draw(spread) for _ in range(50_000)]
    for probability in (0.05, 0.5, 0.9, 0.99):
        expected = spread[PROBABILITIES.index(probability)]
        assert abs(np.quantile(drawn, probability) / expected - 1) < 0.05


def test_what_was_measured_is_spread_around_what_is_fitted_where_the_platform_is_noisy() -> None:
    cpu = np.random.default_rng(4).lognormal(np.log(1000.0), 0.3, 5000)
    table = pd.DataFrame({"pair": "client.a>b", "kind": "client.b", "cpu_ns": cpu, "irqs": 0.0, "dispatches": 0.0})
    table = table.assign(time_ns=0, thread=16, depth=0.0, run=0, activity=0.0)
    table["cache_state"] = ["first", *["longer"] * 4999]
    quiet, noisy = (fit_pairs(table, SCHEDULING, {}, noisy=one)["client.a>b"] for one in (False, True))
    assert quiet.spread == ()
    median = noisy.fixed_ns * noisy.spread[PROBABILITIES.index(0.5)]
    p99 = noisy.fixed_ns * noisy.spread[PROBABILITIES.index(0.99)]
    assert abs(median / np.quantile(cpu, 0.5) - 1) < 1e-6
    assert abs(p99 / np.quantile(cpu, 0.99) - 1) < 1e-6
    assert list(noisy.spread_by_cache_state) == ["longer"], "one that was seen once has no distribution"


def varying(costs: dict[tuple[int, int, str], float], sigma: float = 0.2) -> pd.DataFrame:
    """500 segments of each (run, bytes, warmth) around a median cost."""
    rng, tables = np.random.default_rng(6), []
    for (run, size, warm), median in costs.items():
        cpu = rng.lognormal(np.log(median), sigma, 500)
        tables.append(pd.DataFrame({"cpu_ns": cpu, "bytes": float(size), "run": run, "cache_state": warm}))
    table = pd.concat(tables, ignore_index=True).assign(pair="client.a>receive", kind="client.receive")
    return table.assign(time_ns=0, thread=16, depth=0.0, irqs=0.0, dispatches=0.0, activity=0.0)


def test_sizes_and_circumstances_that_go_together_are_told_apart() -> None:
    """Long messages come when it is cold, but for some: they cost twice as much, and the cold three times."""
    table = varying({(0, 8, "0.3ms"): 1000, (0, 64, "longer"): 6000, (1, 8, "longer"): 3000, (1, 64, "0.3ms"): 2000})
    scarce = (table["bytes"] == 64) & (table["cache_state"] == "0.3ms") & (table.index % 10 > 0)
    found = fit_pairs(table[~scarce], SCHEDULING, {}, noisy=True)["client.a>receive"]
    short, long = found.by_sizes_ns["bytes=8"], found.by_sizes_ns["bytes=64"]
    warm, cold = (found.spread_by_cache_state[name][PROBABILITIES.index(0.5)] for name in ("0.3ms", "longer"))
    assert long / short == pytest.approx(2.0, rel=0.1) and cold / warm == pytest.approx(3.0, rel=0.1)
    assert short * cold == pytest.approx(3000, rel=0.05)


def test_what_is_cheaper_the_livelier_it_is_is_fitted_and_walked_so() -> None:
    table = varying({(0, 8, "longer"): 1000, (1, 8, "3ms"): 500})
    lively = np.random.default_rng(7).uniform(0.0, 2.0, len(table))
    found = fit_pairs(
        table.assign(activity=lively, cpu_ns=table["cpu_ns"] * np.exp(-0.3 * lively)), SCHEDULING, {}, noisy=True
    )["client.a>receive"]
    assert found.activity_slope == pytest.approx(-0.3, abs=0.05)
    assert found.fixed_ns * found.spread_by_cache_state["longer"][PROBABILITIES.index(0.5)] == pytest.approx(
        1000, rel=0.08
    )
    dearer = fit_pairs(
        table.assign(activity=lively, cpu_ns=table["cpu_ns"] * np.exp(0.3 * lively)), SCHEDULING, {}, noisy=True
    )
    assert dearer["client.a>receive"].activity_slope == 0.0
    few = table[:10].assign(activity=lively[:10], cpu_ns=table["cpu_ns"][:10] * np.exp(-9.0 * lively[:10]))
    assert fit_pairs(few, SCHEDULING, {}, noisy=True)["client.a>receive"].activity_slope == 0.0, "ten do not tell"
    alike = (1.0,) * len(PROBABILITIES)
    segment = Segment(fixed_ns=1000, observations=99, spread=alike, activity_slope=-0.5)
    parameters = Parameters(
        platform="tcg", provenance={}, scheduling=SCHEDULING, memory=MEMORY, segments={"client.a>a": segment}, kinds={}
    )
    flow = NoisyFlow(CostModel(parameters, "client"), Uniprocessor(Clock(), 1), ("a",), Noise(1, 16), CacheState(), 16)
    assert [flow.to(("a",)) for _ in range(3)] == [1000, round(1000 * 2**-0.217147), round(1000 * 3**-0.217147)]


def test_how_runs_differ_from_each_other_is_no_variation_within_one() -> None:
    table = varying({(0, 8, "longer"): 1000, (1, 8, "longer"): 2000, (2, 8, "longer"): 4000})
    found = fit_pairs(table, SCHEDULING, {}, noisy=True)["client.a>receive"]
    low, median, high = (found.spread[PROBABILITIES.index(p)] * found.fixed_ns for p in (0.05, 0.5, 0.95))
    assert median == pytest.approx(2000, rel=0.05)
    assert np.log(high / low) == pytest.approx(2 * 1.645 * 0.2, rel=0.1)


def test_a_long_pass_varies_by_a_lesser_share_than_a_short_one() -> None:
    """What holds it up is measured in time: half a millisecond, to one in fifty."""
    rng, steps = np.random.default_rng(8), np.repeat([100.0, 10_000.0], 2000)
    cpu = 300.0 * steps * rng.lognormal(0.0, 0.05, len(steps)) + 500_000.0 * (rng.random(len(steps)) < 0.02)
    table = pd.DataFrame({"pair": "compositor.a>composite", "kind": "compositor.composite", "cpu_ns": cpu})
    table = table.assign(steps=steps, time_ns=0, thread=2, depth=0.0, irqs=0.0, dispatches=0.0, run=0, activity=0.0)
    table["cache_state"] = rng.choice(["3ms", "longer"], len(table))
    kinds = fit_kinds(table, SCHEDULING, noisy=True)
    found = fit_pairs(table, SCHEDULING, kinds, noisy=True)["compositor.a>composite"]
    assert sorted(found.spread_by_length) == ["0.25ms", "longer"], "one of 0.25 to 1 ms was never seen"
    p99 = {name: spread[PROBABILITIES.index(0.99)] for name, spread in found.spread_by_length.items()}
    assert p99["0.25ms"] > 10 and p99["longer"] < 1.3
    parameters = Parameters(
        platform="tcg",
        provenance={},
        scheduling=SCHEDULING,
        memory=MEMORY,
        segments={"compositor.a>composite": found},
        kinds={},
    )
    variation = CostModel(parameters, "compositor").variation("a", "composite")
    of_length = [variation.spread(1, cost_ns)[1][PROBABILITIES.index(0.99)] for cost_ns in (30_000, 300_000, 3_000_000)]
    assert of_length[0] == p99["0.25ms"] and of_length[2] == p99["longer"] and of_length[1] in of_length[::2]


def test_what_is_passed_first_is_known_though_it_is_interrupted_and_seldom() -> None:
    table = varying({(0, 8, "longer"): 1000})
    first = table.head(4).assign(cache_state="first", cpu_ns=2_000_000.0, irqs=1.0)
    found = fit_pairs(pd.concat([table, first], ignore_index=True), SCHEDULING, {}, noisy=True)["client.a>receive"]
    assert found.spread_by_cache_state["first"][PROBABILITIES.index(0.5)] == pytest.approx(2000, rel=0.1)


def test_a_draw_resembles_those_before_it_for_as_long_as_was_told() -> None:
    spread = norm.ppf(np.clip(PROBABILITIES, 1e-4, 1 - 1e-4)).tolist()
    noise = Noise(1, 2, {1_000: 0.5, 1_000_000: 0.3})
    drawn = np.array([noise.draw(spread, now) for now in range(0, 40_000_000, 1000)])
    assert np.std(drawn) == pytest.approx(1.0, abs=0.1)
    for lag in (1, 5, 200):
        expected = 0.5 * np.exp(-lag) + 0.3 * np.exp(-lag / 1000)
        assert np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1] == pytest.approx(expected, abs=0.08)


def test_what_was_drawn_so_is_found_again() -> None:
    shares = {10_000: 0.4, 10_000_000: 0.3}
    noise, spread = Noise(3, 4, shares), norm.ppf(np.clip(PROBABILITIES, 1e-4, 1 - 1e-4)).tolist()
    instants = np.cumsum(np.random.default_rng(5).exponential(20_000, 30_000)).astype(np.int64)
    costs = [1000 * np.exp(0.2 * noise.draw(spread, now)) for now in instants.tolist()]
    table = pd.DataFrame(
        {"time_ns": instants, "cpu_ns": costs, "run": 0, "pair": "client.a>b", "cache_state": "longer"}
    )
    found = fit_persistence(table.assign(irqs=0.0), pd.Series(1000.0, table.index))
    for tau_ns in (10**4, 10**5, 10**6, 10**7, 10**8):
        assert found.get(tau_ns, 0.0) == pytest.approx(shares.get(tau_ns, 0.0), abs=0.1)


def walk(seed: int) -> list[int]:
    spread = tuple(np.linspace(0.5, 1.5, len(PROBABILITIES)).tolist())
    segments = {f"client.{pair}": Segment(fixed_ns=1000, observations=99, spread=spread) for pair in ("a>b", "b>c")}
    segments["client.c>a"] = Segment(fixed_ns=70, observations=99)
    parameters = Parameters(
        platform="tcg", provenance={}, scheduling=SCHEDULING, memory=MEMORY, segments=segments, kinds={}
    )
    processor = Uniprocessor(Clock(), 1)
    flow = NoisyFlow(CostModel(parameters, "client"), processor, ("a",), Noise(seed, 16), CacheState(), 16)
    costs = []
    for _ in range(100):
        first, second = flow.along(Path(("b",), ("c",)))
        assert 500 <= first <= 1500 and 500 <= second - first <= 1500
        assert flow.to(("a",)) == 70
        costs += [first, second - first]
    return costs


def test_a_walk_costs_more_or_less_each_time_and_the_same_with_the_same_seed() -> None:
    assert walk(5) == walk(5) != walk(6)
    assert len(set(walk(5))) > 150


def test_a_draw_is_from_what_was_seen_in_the_same_circumstances() -> None:
    def always(factor: float) -> tuple[float, ...]:
        return (factor,) * len(PROBABILITIES)

    by_cache_state = {"first": always(50.0), "0.3ms": always(1.0), "flushed,longer": always(3.0)}
    segment = Segment(fixed_ns=1000, observations=99, spread=always(2.0), spread_by_cache_state=by_cache_state)
    parameters = Parameters(
        platform="tcg", provenance={}, scheduling=SCHEDULING, memory=MEMORY, segments={"client.a>a": segment}, kinds={}
    )
    processor = Uniprocessor(Clock(), 1)
    warmth = CacheState()
    flow = NoisyFlow(CostModel(parameters, "client"), processor, ("a",), Noise(1, 16), warmth, 16)
    costs = [flow.to(("a",)), flow.to(("a",))]
    processor.now, processor.space_switches = 50_000_000, 1
    costs.append(flow.to(("a",)))
    processor.timer_set_for[16] = processor.now
    costs += [flow.to(("a",)), flow.to(("a",))]
    assert costs == [50_000, 1000, 3000, 2000, 1000]
