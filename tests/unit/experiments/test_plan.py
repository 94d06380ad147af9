"""Capacity planning on a made-up model whose answers are known, with a made-up kernel to confirm them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.table import Table

from rayos_model.contract.abi import TraceKind
from rayos_model.errors import BadInput
from rayos_model.experiments import workers
from rayos_model.experiments.design import Range
from rayos_model.experiments.plan import pareto_front, plan
from rayos_model.experiments.plan_result import Plan
from rayos_model.experiments.search import for_search, judge, parse_slo
from rayos_model.experiments.task import Task
from rayos_model.metrics.metrics import Value
from rayos_model.report import notebook, plans
from rayos_model.run.system import ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import NS
from rayos_model.trace.parquet import record
from tests.support.small import small_scenario

Latency = Callable[[dict[str, Any], random.Random], float]


def linear(scenario: dict[str, Any], rng: random.Random) -> float:
    """2 ms a client, longer the slower the display; a little noise."""
    clients = sum(group["count"] for group in scenario["clients"])
    return float(2000 * clients * 60 / scenario["display"]["refresh_hz"] + rng.gauss(0, 1))


@pytest.fixture
def plans_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Plan]:
    """Plans on a model that has the latency of a function (µs) and takes 1 MB a client, one for itself."""

    def search(latency: Latency = linear, scenario: Scenario | None = None, **options: Any) -> Plan:
        def compute(task: Task) -> str:
            data = json.loads(task.scenario)
            clients = sum(group["count"] for group in data["clients"])
            value = latency(data, random.Random(data["seed"]))
            metrics = {
                "commit_to_present.p99": {"value": value, "unit": "us"},
                "clients.refused": {"value": max(0, clients + 1 - data["machine"]["memory_mb"]), "unit": ""},
            }
            return json.dumps(metrics)

        monkeypatch.setattr(workers, "compute", compute)
        options = {"vary": "clients", "slos": ["commit_to_present.p99<100ms"], "precision": 0, **options}
        return plan(scenario or small_scenario(), jobs=1, store=tmp_path / "points", **options)

    return search


class Kernel:
    """Presents one frame with `microseconds(clients)`; has no memory for `starves_at` clients or more."""

    name = "kernel"

    def __init__(self, microseconds: Callable[[int], float], starves_at: int = 10**6) -> None:
        self._microseconds = microseconds
        self._starves_at = starves_at
        self.asked: list[int] = []

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        self.asked.append(scenario.client_count)
        served = min(scenario.client_count, self._starves_at - 1)
        writer.trace(np.concatenate([record(0, TraceKind.M_CLIENT_CREATED, subject=i) for i in range(served)]))
        latency = round(self._microseconds(scenario.client_count) * 1000)
        records = [
            record(4 * NS, TraceKind.M_COMMIT_TO_PRESENT, arg=latency),
            record(5 * NS, TraceKind.M_PAGES_PEAK, arg=100),
        ]
        writer.trace(np.concatenate(records))


def test_the_largest_value_that_meets_the_objective_is_found(plans_with: Callable[..., Plan]) -> None:
    result = plans_with()
    assert result.value == 49  # 2 ms · 50 is not below 100 ms
    assert result.answers[0].fails_at is not None
    assert result.answers[0].fails_at.value == 50
    assert result.answers[0].fails_at.binding == "commit_to_present.p99 <100ms"
    assert result.ok


def test_the_search_starts_above_the_answer_as_well(plans_with: Callable[..., Plan]) -> None:
    busy = small_scenario(clients=[{"workload": "rendering", "count": 200}])
    assert plans_with(scenario=busy).value == 49


def test_bounds_are_kept(plans_with: Callable[..., Plan]) -> None:
    within = plans_with(bounds=Range(1, 30))
    assert (within.value, within.answers[0].fails_at) == (30, None)
    nothing = plans_with(bounds=Range(60, 100))
    assert nothing.value is None
    assert not nothing.ok
    assert "no clients meets" in plans.headline(nothing, nothing.answers[0])


def test_memory_binds_where_it_is_scarce(plans_with: Callable[..., Plan]) -> None:
    result = plans_with(scenario=small_scenario(machine={"memory_mb": 40}))
    answer = result.answers[0]
    assert answer.value == 39
    assert answer.memory_binds
    assert "clients = 40 fails: 1 clients failed for lack of memory; memory binds at 39" in plans.headline(
        result, answer
    )
    assert [cell.plain for cell in _column(plans.alternatives(result, answer), "model")][-2:] == [
        "FAIL memory binds"
    ] * 2
    assert result.to_dict()["answers"][0]["memory_binds"] is True
    assert len(plans.figure(result).axes) == 2
    assert not plans_with().answers[0].memory_binds
    assert len(plans.figure(plans_with()).axes) == 1


def test_how_many_may_be_refused_can_be_an_objective(plans_with: Callable[..., Plan]) -> None:
    scarce = small_scenario(machine={"memory_mb": 40})
    slos = ["commit_to_present.p99<100ms", "clients.refused<=3"]
    assert plans_with(scenario=scarce, slos=slos).value == 42
    assert plans_with(scenario=scarce, slos=["clients.refused==0"]).value == 39
    assert len(plans.figure(plans_with(slos=["clients.refused==0"], bounds=Range(1, 9))).axes) == 1


def _column(table: Table, name: str) -> list[Any]:
    return next(list(column.cells) for column in table.columns if column.header == name)


def test_the_smallest_value_of_a_fraction_is_found(plans_with: Callable[..., Plan]) -> None:
    busy = small_scenario(clients=[{"workload": "rendering", "count": 25}])
    result = plans_with(
        vary="display.refresh_hz",
        smallest=["display.refresh_hz"],
        scenario=busy,
        bounds=Range(20.0, 140.0),
        precision=0.005,
    )
    assert result.value == pytest.approx(30, rel=0.01)


def test_a_value_that_makes_no_scenario_ends_the_search_without_a_run(plans_with: Callable[..., Plan]) -> None:
    result = plans_with(latency=lambda scenario, rng: 1.0, scenario=small_scenario(machine={"memory_mb": 2048}))
    assert result.value == 1024
    assert "1024" in result.answers[0].fails_at.refused  # type: ignore[union-attr]


def test_noise_near_the_limit_is_replicated_and_admitted(plans_with: Callable[..., Plan]) -> None:
    def noisy(scenario: dict[str, Any], rng: random.Random) -> float:
        return linear(scenario, rng) + rng.gauss(0, 3000)

    result = plans_with(latency=noisy, max_replications=8)
    far = next(a for a in result.answers[0].tried if a.value == 1)
    near = [a for a in result.answers[0].tried if 46 <= a.value <= 53]
    assert far.certain
    assert far.replications < max(a.replications for a in near) == 8
    assert not all(a.certain for a in near)
    assert 45 <= result.value <= 54


def test_alternatives_share_their_random_numbers(plans_with: Callable[..., Plan]) -> None:
    seeds: dict[int, set[int]] = {}

    def common(scenario: dict[str, Any], rng: random.Random) -> float:
        clients = sum(group["count"] for group in scenario["clients"])
        seeds.setdefault(clients, set()).add(scenario["seed"])
        return linear(scenario, rng)

    plans_with(latency=common)
    assert {frozenset(used) for used in seeds.values()} <= {frozenset(range(1, n + 1)) for n in (2, 4, 8)}
    assert len(seeds) > 5


def test_the_kernel_confirms_an_answer_and_its_failure_past_it(plans_with: Callable[..., Plan]) -> None:
    kernel = Kernel(lambda clients: 2000.0 * clients)
    result = plans_with(confirm=kernel)
    assert (kernel.asked, result.answers[0].confirmed, result.ok) == ([49, 50], True, True)
    assert result.to_dict()["answers"][0]["confirmations"][0]["measured"]["commit_to_present.p99"] == 98_000


def test_a_kernel_a_little_better_than_the_model_fails_within_ten_per_cent(plans_with: Callable[..., Plan]) -> None:
    kernel = Kernel(lambda clients: 1950.0 * clients)
    assert plans_with(confirm=kernel).answers[0].confirmed is True
    assert kernel.asked == [49, 50, 53]


def test_a_kernel_that_disagrees_is_reported(plans_with: Callable[..., Plan]) -> None:
    assert plans_with(confirm=Kernel(lambda clients: 2200.0 * clients)).answers[0].confirmed is False
    tireless = plans_with(confirm=Kernel(lambda clients: 1000.0 * clients))
    assert tireless.answers[0].confirmed is False
    assert not tireless.ok


def test_a_client_the_kernel_could_not_create_fails_the_alternative(plans_with: Callable[..., Plan]) -> None:
    heard: list[str] = []
    assert (
        plans_with(confirm=Kernel(lambda clients: 1.0, starves_at=50), done=heard.append).answers[0].confirmed is True
    )
    assert heard[-1] == "clients = 50 on kernel: fails (memory: 1 clients failed to start)"
    assert plans_with(confirm=Kernel(lambda clients: 1.0, starves_at=49)).answers[0].confirmed is False


def test_several_knobs_give_a_pareto_front(plans_with: Callable[..., Plan], tmp_path: Path) -> None:
    result = plans_with(others={"display.refresh_hz": [30, 60, 120]})
    assert [answer.value for answer in result.answers] == [24, 49, 99]
    assert [answer.on_front for answer in result.answers] == [False, False, True]  # faster is better in both
    assert [list(row)[:2] for row in plans.front(result).to_numpy()] == [[30, 24], [60, 49], [120, 99]]
    cheap = plans_with(others={"machine.memory_mb": [32, 64, 128]}, smallest=["machine.memory_mb"])
    assert [answer.value for answer in cheap.answers] == [31, 49, 49]
    assert [answer.on_front for answer in cheap.answers] == [True, True, False]
    assert plans.figure(result).axes
    plans.write(result, tmp_path / "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()
    assert "Pareto" in str(plans.front_table(result).title)
    assert "<svg" in notebook.plan(result)


def test_fronts_compare_what_can_be_compared() -> None:
    settings = [{"w": "a"}, {"w": "b"}, {"w": "a"}]
    assert pareto_front([3, 2, 1], settings, True, ()) == [True, True, False]
    assert pareto_front([None, 2], [{"k": 1}, {"k": 1}], True, ()) == [False, True]
    assert pareto_front([5, 5], [{"k": 1}, {"k": 1}], True, ()) == [True, True]


def test_a_verdict_is_wrong_no_more_often_than_its_confidence_allows() -> None:
    """A mean just on the wrong side of the limit is called certain to meet it in at most 1 − confidence of cases."""
    rng = np.random.default_rng(7)
    objective = parse_slo("commit_to_present.p99<100us")
    wrong = 0
    for _ in range(1000):
        values = [{objective.metric: Value(float(v), "us")} for v in rng.normal(100.0001, 5, 4)]
        judgement = judge(objective, values, 0.95)
        wrong += judgement.certain and judgement.holds
    assert wrong / 1000 <= 0.05 + 0.028  # four standard errors


def test_a_run_is_as_short_as_its_warm_up_allows() -> None:
    long = small_scenario(duration_s=3600, warmup_s=1)
    assert for_search(long).duration_s == 20
    crowd = from_dict({"name": "c", "duration_s": 3600, "clients": [{"workload": "rendering", "count": 1000}]})
    assert for_search(crowd).duration_s == pytest.approx(20.99)
    assert for_search(small_scenario(duration_s=5)).duration_s == 5
    assert for_search(long, 7).duration_s == 7


@pytest.mark.parametrize("given", [{}, {"warmup_s": 0.5}, {"warmup_s": 1.5, "duration_s": 2}])
def test_every_client_is_there_throughout_what_is_measured(given: dict[str, Any]) -> None:
    scenario = small_scenario(**given)
    for clients in (1, 900):
        for asked in (2.0, 60.0, None):
            run = for_search(scenario, asked, {"clients": clients})
            assert run.client_count == clients
            assert run.warmup_ns >= (run.last_start_s + 1) * NS
            assert run.duration_ns >= run.warmup_ns + 2 * NS
            assert run.duration_s >= (asked or 0)


def test_clients_that_would_start_after_the_run_are_judged_all_the_same(plans_with: Callable[..., Plan]) -> None:
    """On a model where only clients that are there cost anything: in one second a hundred of them would be."""

    def present(scenario: dict[str, Any], rng: random.Random) -> float:
        count: int = sum(group["count"] for group in scenario["clients"])
        return 500.0 * min(count, int(100 * scenario["duration_s"]))

    result = plans_with(latency=present, duration_s=1, scenario=small_scenario(duration_s=3600))
    assert result.value == 199
    lengths = {a.value: a.duration_s for a in result.answers[0].tried}
    assert lengths[200] == pytest.approx(1.99 + 1 + 2)
    assert result.to_dict()["answers"][0]["tried"][0]["duration_s"] == lengths[1] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slos": ["commit_to_present.p99"]}, "expected an objective"),
        ({"slos": ["commit_to_present.p98<1ms"]}, "did you mean"),
        ({"slos": ["commit_to_present.p99<1kg"]}, "expected a value in"),
        ({"vary": "name"}, "with a numeric value"),
        ({"vary": "machine.ram"}, "no such key"),
        ({"smallest": ["seed"]}, "one of the varied keys"),
        ({"confidence": 1.0}, "between 0.5 and 1"),
        ({"max_replications": 1}, "at least 2"),
    ],
)
def test_a_wrong_question_is_one_line(plans_with: Callable[..., Plan], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        plans_with(**options)
    assert "\n" not in str(caught.value)
