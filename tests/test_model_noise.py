"""Costs that vary: draws have the distribution whose quantiles calibration kept, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayos_model.calibration.fit import fit_pairs
from rayos_model.model.clock import Clock
from rayos_model.model.costs import CostModel, NoisyFlow, Path
from rayos_model.model.noise import Noise
from rayos_model.model.processor import Processor
from rayos_model.parameters import PROBABILITIES, Memory, Parameters, Scheduling, Segment
from rayos_model.warmth import Warmth

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
    table = table.assign(time_ns=0, thread=16, depth=0.0, warmth=["first", *["longer"] * 4999])
    quiet, noisy = (fit_pairs(table, SCHEDULING, {}, noisy=one)["client.a>b"] for one in (False, True))
    assert quiet.spread == ()
    median = noisy.fixed_ns * noisy.spread[PROBABILITIES.index(0.5)]
    p99 = noisy.fixed_ns * noisy.spread[PROBABILITIES.index(0.99)]
    assert abs(median / np.quantile(cpu, 0.5) - 1) < 1e-6
    assert abs(p99 / np.quantile(cpu, 0.99) - 1) < 1e-6
    assert list(noisy.spread_by_warmth) == ["longer"], "one that was seen once has no distribution"


def walk(seed: int) -> list[int]:
    spread = tuple(np.linspace(0.5, 1.5, len(PROBABILITIES)).tolist())
    segments = {f"client.{pair}": Segment(fixed_ns=1000, observations=99, spread=spread) for pair in ("a>b", "b>c")}
    segments["client.c>a"] = Segment(fixed_ns=70, observations=99)
    parameters = Parameters(
        platform="tcg", provenance={}, scheduling=SCHEDULING, memory=MEMORY, segments=segments, kinds={}
    )
    processor = Processor(Clock(), 1)
    flow = NoisyFlow(CostModel(parameters, "client"), processor, ("a",), Noise(seed, 16), Warmth(), 16)
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

    by_warmth = {"first": always(50.0), "0.3ms": always(1.0), "flushed,longer": always(3.0)}
    segment = Segment(fixed_ns=1000, observations=99, spread=always(2.0), spread_by_warmth=by_warmth)
    parameters = Parameters(
        platform="tcg", provenance={}, scheduling=SCHEDULING, memory=MEMORY, segments={"client.a>a": segment}, kinds={}
    )
    processor = Processor(Clock(), 1)
    warmth = Warmth()
    flow = NoisyFlow(CostModel(parameters, "client"), processor, ("a",), Noise(1, 16), warmth, 16)
    costs = [flow.to(("a",)), flow.to(("a",))]
    processor.now, processor.loads = 50_000_000, 1
    costs.append(flow.to(("a",)))
    processor.timer_set_for[16] = processor.now
    costs += [flow.to(("a",)), flow.to(("a",))]
    assert costs == [50_000, 1000, 3000, 2000, 1000]
