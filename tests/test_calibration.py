"""Calibration: the fit finds the costs that made the data, says what it cannot know, and is found again on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rayos_model.calibration import fit as fitting
from rayos_model.calibration import load_calibration, load_recorded, record, store
from rayos_model.calibration.cache_classes import space_switches
from rayos_model.calibration.calibrate import SEGMENTS, aggregate, calibration_scenarios, fit_parallel, fit_smp
from rayos_model.calibration.delays import handovers, kernel_locked
from rayos_model.calibration.fit import fit_kinds, fit_pairs, fit_scheduling
from rayos_model.calibration.host import slice_ns, switch_ns, turn_ns, wake_ns
from rayos_model.calibration.memory import fit_memory
from rayos_model.contract.abi import BatchTag, ThreadId
from rayos_model.contract.trace_record import TRACE_DTYPE, TraceKind, queued
from rayos_model.costs.parameters import PROBABILITIES, Memory, Parameters, Scheduling, Segment
from rayos_model.errors import BadInput
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.trace.parquet import record as trace_record
from rayos_model.trace.points import sizes_key
from rayos_model.trace.segments import segments
from tests.conftest import RecordedSystem, small_scenario, small_trace

FREE = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0)


def table(rows: int = 60, pair: str = "client.block>receive", seed: int = 1, **sizes: object) -> pd.DataFrame:
    """Segments of one pair without a cost yet, at one depth; sizes are columns, drawn at random where not given."""
    rng = np.random.default_rng(seed)
    columns = {"bytes": rng.integers(8, 4096, rows), "writes": rng.integers(1, 9, rows), **sizes}
    return pd.DataFrame(
        {
            "time_ns": np.arange(rows),
            "thread": 16,
            "cpu_ns": 0.0,
            "irqs": 0.0,
            "dispatches": 0.0,
            "depth": 1.0,
            "pair": pair,
            "kind": pair.partition(".")[0] + "." + pair.partition(">")[2],
            **{name: np.broadcast_to(np.asarray(column, np.float64), rows) for name, column in columns.items()},
        }
    )


def predicted(data: pd.DataFrame, segment: Segment) -> np.ndarray:
    """What the fitted line says of each row."""
    cost = segment.fixed_ns + segment.per_depth_ns * data["depth"]
    for name, rate in segment.per_size_ns.items():
        cost = cost + rate * data[name]
    return cost.to_numpy()


# ---- costs of segments -----------------------------------------------------------------------------

# A fit takes a tenth of a second: few examples, and no search for the smallest that fails.
few_examples = settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
cost = st.floats(min_value=0, max_value=1e5)
rate = st.floats(min_value=0, max_value=100)


@few_examples
@given(fixed=cost, per_byte=rate, per_write=rate, seed=st.integers(0, 1000))
def test_known_costs_are_recovered(fixed: float, per_byte: float, per_write: float, seed: int) -> None:
    data = table(seed=seed)
    data["cpu_ns"] = fixed + per_byte * data["bytes"] + per_write * data["writes"]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    # No noise: what is left is the arithmetic of a least-squares solver on sizes up to some thousands.
    assert fitted.fixed_ns == pytest.approx(fixed, rel=1e-6, abs=1e-3)
    assert fitted.per_size_ns.get("bytes", 0.0) == pytest.approx(per_byte, rel=1e-6, abs=1e-5)
    assert fitted.per_size_ns.get("writes", 0.0) == pytest.approx(per_write, rel=1e-6, abs=1e-3)
    assert fitted.observations == len(data)
    assert fitted.residual_std_ns < 1e-2


def test_the_interval_covers_the_truth_under_noise() -> None:
    data = table(rows=2000)
    noise = np.random.default_rng(3).normal(0, 200, len(data))
    data["cpu_ns"] = 3000 + 2.5 * data["bytes"] + 80 * data["writes"] + noise
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    assert fitted.fixed_ci95_ns is not None
    truths = {"bytes": 2.5, "writes": 80.0}
    intervals = [(3000.0, fitted.fixed_ci95_ns), *((truths[n], ci) for n, ci in fitted.per_size_ci95_ns.items())]
    for truth, (low, high) in intervals:
        # A 95 % interval misses one time in twenty; twice its width (four standard errors) does not.
        assert low - (high - low) / 2 <= truth <= high + (high - low) / 2
    assert fitted.residual_std_ns == pytest.approx(200, rel=0.1)  # six standard errors of a standard deviation
    assert fitted.r_squared is not None and fitted.r_squared > 0.9


def test_sizes_that_cannot_be_told_apart_are_fitted_as_one() -> None:
    data = table()
    data["writes"] = 3 * data["bytes"] + 8
    data["cpu_ns"] = 500 + 7 * data["bytes"]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    assert len(fitted.per_size_ns) == 1
    assert predicted(data, fitted) == pytest.approx(data["cpu_ns"].to_numpy(), rel=1e-9)


def test_a_size_that_never_varied_is_part_of_the_fixed_cost() -> None:
    data = table(writes=4)
    data["cpu_ns"] = 500 + 2 * data["bytes"] + 25 * data["writes"]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    assert set(fitted.per_size_ns) == {"bytes"}
    assert fitted.fixed_ns == pytest.approx(600)


def test_sizes_seen_often_have_their_own_mean() -> None:
    # Messages of one size are of one type: a line through the sizes would charge each for the others.
    sizes = np.repeat([16.0, 32.0, 64.0, 80.0], [30, 30, 30, 2])
    costs = {16.0: 900.0, 32.0: 200.0, 64.0: 1500.0, 80.0: 100.0}
    data = table(rows=len(sizes), bytes=sizes, writes=1)
    data["cpu_ns"] = [costs[size] for size in sizes]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    often = {sizes_key({"bytes": size, "writes": 1}): costs[size] for size in (16.0, 32.0, 64.0)}
    assert fitted.by_sizes_ns == pytest.approx(often)


def test_levels_of_the_heap_of_sleepers_are_charged_apart() -> None:
    data = table(rows=200)
    data["depth"] = np.random.default_rng(4).integers(0, 5, len(data)).astype(float)
    data["cpu_ns"] = 400 + 2 * data["bytes"] + 35 * data["depth"]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    assert fitted.per_depth_ns == pytest.approx(35)
    assert fitted.fixed_ns == pytest.approx(400)
    assert fitted.per_size_ns["bytes"] == pytest.approx(2)


def test_no_cost_is_negative() -> None:
    data = table()
    data["cpu_ns"] = 50_000 - 3 * data["bytes"]
    fitted = fit_pairs(data, FREE, {})["client.block>receive"]
    assert fitted.fixed_ns >= 0
    assert all(rate >= 0 for rate in fitted.per_size_ns.values())


def test_pairs_are_fitted_apart_and_kinds_together() -> None:
    one, other = table(), table(pair="client.wake>receive", seed=2)
    one["cpu_ns"] = 100 + one["bytes"]
    other["cpu_ns"] = 900 + other["bytes"]
    both = pd.concat([one, other], ignore_index=True)
    pairs = fit_pairs(both, FREE, {})
    assert pairs["client.block>receive"].fixed_ns == pytest.approx(100)
    assert pairs["client.wake>receive"].fixed_ns == pytest.approx(900)
    kinds = fit_kinds(both, FREE)
    assert set(kinds) == {"client.receive"}
    assert kinds["client.receive"].observations == len(both)
    assert 100 < kinds["client.receive"].fixed_ns < 900


# ---- costs of scheduling ---------------------------------------------------------------------------


@few_examples
@given(interrupt=st.floats(10, 5000), dispatch=st.floats(10, 5000))
def test_interrupts_and_dispatches_are_told_from_the_work(interrupt: float, dispatch: float) -> None:
    rng = np.random.default_rng(5)
    data = table(rows=400, bytes=rng.choice([8, 64, 512], 400), writes=1)
    data["irqs"] = rng.choice([0, 0, 0, 1, 2], len(data)).astype(float)
    data["dispatches"] = rng.choice([0, 0, 1], len(data)).astype(float)
    data["cpu_ns"] = 700 + 3 * data["bytes"] + interrupt * data["irqs"] + dispatch * data["dispatches"]
    scheduling = fit_scheduling(data, np.array([300.0, 321.0, 900.0]))
    assert scheduling.interrupt_ns == pytest.approx(interrupt, rel=1e-6)
    assert scheduling.dispatch_ns == pytest.approx(dispatch, rel=1e-6)
    assert scheduling.idle_wake_ns == 321
    fitted = fit_pairs(data, scheduling, {})["client.block>receive"]
    assert fitted.fixed_ns == pytest.approx(700, rel=1e-4)
    assert fitted.per_size_ns == {"bytes": pytest.approx(3, rel=1e-4)}


@few_examples
@given(replaced=st.floats(10, 5000), mapped=st.floats(1, 20), drawn=st.floats(1, 50))
def test_what_replacing_an_address_space_costs_is_told_from_the_work(
    replaced: float, mapped: float, drawn: float
) -> None:
    rng = np.random.default_rng(7)
    data = table(rows=600, bytes=rng.choice([8, 64, 512], 600), writes=1)
    data["dispatches"] = 1.0
    data["space_switch"] = rng.choice([0, 1, 1], len(data)).astype(float)
    data["space_switch_used"] = data["space_switch"] * rng.choice([0, 1], len(data))
    data["space_switch_mapped_page"] = data["space_switch_used"] * rng.integers(10, 200, len(data))
    data["space_switch_drawn_page"] = data["space_switch_used"] * rng.integers(1, 60, len(data))
    work = 700 + 3 * data["bytes"]
    space = (
        replaced * data["space_switch"]
        + mapped * data["space_switch_mapped_page"]
        + drawn * data["space_switch_drawn_page"]
    )
    data["cpu_ns"] = work + space + 40 * data["space_switch_used"]
    scheduling = fit_scheduling(data, np.array([]))
    assert scheduling.space_switch_ns == pytest.approx(replaced, rel=1e-3)
    assert scheduling.space_switch_used_ns == pytest.approx(40, abs=2)
    assert scheduling.space_switch_mapped_page_ns == pytest.approx(mapped, rel=1e-2)
    assert scheduling.space_switch_drawn_page_ns == pytest.approx(drawn, rel=1e-2)
    assert fit_pairs(data, scheduling, {})["client.block>receive"].per_size_ns == {"bytes": pytest.approx(3, rel=1e-2)}


def test_a_replaced_address_space_is_that_of_the_client_before_with_what_it_has_drawn() -> None:
    kinds = TraceKind
    points = [
        (16, kinds.P_SHM, 0, 40),
        (16, kinds.P_ENTER, BatchTag.FRAME, 320 | 5 << 32),
        (2, kinds.P_TAKE, 0, 64),  # runs in whichever is loaded
        (16, kinds.P_RECEIVE, 1, 32),
        (17, kinds.P_RECEIVE, 1, 32),
        (16, kinds.P_RECEIVE, 1, 32),  # the other one has not drawn
        (16, kinds.P_EXIT, 0, 0),  # and is freed
        (17, kinds.P_RECEIVE, 1, 32),
    ]
    trace = np.concatenate(
        [
            trace_record(100 * at, kind, subject=subject, arg=arg, thread=thread)
            for at, (thread, kind, subject, arg) in enumerate(points, 1)
        ]
    )
    rows = space_switches(segments(trace))
    assert rows.to_numpy().tolist() == [[0] * 4] * 4 + [[1, 1, 40, 10], [1, 0, 0, 0], [0] * 4, [0] * 4]


def test_without_an_interruption_scheduling_costs_nothing() -> None:
    data = table()
    data["cpu_ns"] = 100.0
    assert fit_scheduling(data, np.array([])) == FREE


def test_what_costs_more_on_several_processors_is_told_from_what_a_search_for_one_costs() -> None:
    segment = Segment(fixed_ns=1000, observations=100)
    pairs = "compositor.events>events", "client.receive>block"
    known = Parameters(
        platform="icount",
        provenance={},
        scheduling=FREE,
        memory=Memory(base_pages=0, pages_per_client=0, pages_per_shm_page=0),
        segments=dict.fromkeys((*pairs, "client.block>wake"), segment),
        kinds={},
    )
    events, block, rare = table(60, pairs[0]), table(40, pairs[1]), table(10, "client.block>wake")
    events["cpu_ns"] = np.where(np.arange(60) % 3 == 0, 1020, 1020 + 7 * 12)  # a third find their processor idle
    block["cpu_ns"] = np.where(np.arange(40) % 4 == 0, 51_000, 1030)  # a quarter wait for another's turn
    rare["cpu_ns"] = 1500
    gaps = pd.DataFrame({"after": ["send", "send", "recv"], "gap_ns": [100, 102, 351]})
    found = fit_smp(known, 8, pd.concat([events, block, rare], ignore_index=True), gaps)
    assert found.scheduling.cpu_search_ns == pytest.approx(12)
    assert (found.scheduling.ipi_wake_ns, found.scheduling.syscall_exit_ns) == (101, 250)
    assert {pair: one.smp_ns for pair, one in found.segments.items()} == {
        pairs[0]: pytest.approx(20),
        pairs[1]: pytest.approx(30),
        "client.block>wake": 0,  # seen too seldom
    }
    assert found.on_smp().segments[pairs[1]].fixed_ns == pytest.approx(1030)
    assert found.segments[pairs[1]].fixed_ns == 1000


def test_what_processors_cost_that_run_at_once_is_a_spread_of_its_own_and_the_price_of_telling() -> None:
    pair = "compositor.events>events"
    known = Parameters(
        platform="tcg",
        provenance={},
        scheduling=FREE,
        memory=Memory(base_pages=0, pages_per_client=0, pages_per_shm_page=0),
        segments={
            pair: Segment(fixed_ns=1000, spread_by_cache_state={"first": (1.0,) * len(PROBABILITIES)}, observations=9),
            "client.block>wake": Segment(fixed_ns=500, observations=9),
        },
        kinds={},
    )
    events, rare = table(60, pair), table(10, "client.block>wake")
    events["cpu_ns"] = np.where(np.arange(60) % 3 == 0, 12_000, 2_000)  # a third tell another processor
    events.loc[events.index[:5], ["cpu_ns", "irqs"]] = 90_000, 1  # interrupted: not looked at
    locked = pd.DataFrame({0: {"block_lock_hold_ns": 700.0}, 1: {"block_lock_hold_ns": 900.0}})
    found = fit_parallel(known, pd.concat([events, rare], ignore_index=True), locked)
    assert found.scheduling.bql_hold_ns == 10_000
    assert found.scheduling.block_lock_hold_ns == 800
    at_once = found.on_smp().segments
    assert set(at_once[pair].spread) == {2.0}  # of those that tell nobody
    assert not at_once[pair].spread_by_cache_state and found.segments[pair].spread_by_cache_state
    assert at_once["client.block>wake"] == known.segments["client.block>wake"]  # seen too seldom


def test_how_long_the_kernel_lock_is_held_is_the_median_of_what_records_say() -> None:
    kinds, client = TraceKind, ThreadId.CLIENT0
    rows = [(kinds.P_BLOCK, client, subject, 0) for subject in (700, 800, 5_000_000)]
    rows += [
        (kinds.P_BLOCK, ThreadId.COMPOSITOR, 90_000, 0),
        (kinds.P_EVENTS, ThreadId.COMPOSITOR, 1, queued(64, 3, 2500)),
    ]
    rows += [(kinds.M_TIMER, ThreadId.IDLE, subject, 80_000) for subject in (9_000, 11_000, 10_000)]
    trace = np.zeros(len(rows), TRACE_DTYPE)
    trace["kind"], trace["thread"], trace["subject"], trace["arg"] = zip(*rows, strict=True)
    assert kernel_locked(trace).to_dict() == {
        "block_lock_hold_ns": 800,
        "service_lock_hold_ns": 2500,
        "idle_lock_hold_ns": 10_000,
    }


def test_the_host_tells_for_how_long_a_busy_thread_keeps_a_core_and_how_soon_an_idle_one_runs_it() -> None:
    assert 100_000 < slice_ns() < 1_000_000_000
    assert 300_000 < turn_ns(0.3) < 1_000_000_000
    before = os.sched_getaffinity(0)
    assert 0 <= wake_ns() < 1_000_000_000
    assert 0 < switch_ns() < 1_000_000
    assert os.sched_getaffinity(0) == before


def test_a_turn_is_handed_over_from_one_processors_last_point_to_anothers_switch() -> None:
    kinds, points = TraceKind, []
    for time_ns, kind, thread, cpu, cpu_ns, dispatches in (
        (1000, kinds.P_SEND, 16, 0, 50, 0),
        (1700, kinds.P_TAKE, 2, 1, 580, 1),
        (3000, kinds.P_RECEIVE, 16, 0, 900, 1),
        (4250, kinds.P_RECEIVE, 17, 1, 900, 1),
        (5000, kinds.P_RECEIVE, 18, 1, 700, 1),  # the same processor
        (6000, kinds.P_RECEIVE, 19, 2, 700, 0),  # had it before
    ):
        point = trace_record(time_ns, kind, thread=thread, cpu_ns=cpu_ns)
        point["cpu"], point["dispatches"] = cpu, dispatches
        points.append(point)
    found = handovers(np.concatenate(points))
    assert found.to_dict("records") == [{"after": "send", "gap_ns": 120}, {"after": "recv", "gap_ns": 350}]


def test_memory_rates_are_recovered() -> None:
    rng = np.random.default_rng(2)
    clients, shared = rng.integers(0, 9, 50), rng.integers(0, 900, 50)
    data = pd.DataFrame({"base": 3000, "pages": 12 * clients + 1.01 * shared, "clients": clients, "shared": shared})
    memory = fit_memory(data)
    assert memory.base_pages == 3000
    assert memory.pages_per_client == pytest.approx(12)
    assert memory.pages_per_shm_page == pytest.approx(1.01)
    assert memory.residual_std_pages == pytest.approx(0, abs=1e-6)


# ---- from a trace to segments ------------------------------------------------------------------------


def test_a_put_carries_what_the_cache_gave_up_for_it_and_a_delivery_whether_it_was_waited_for() -> None:
    kinds = TraceKind
    trace = np.concatenate(
        [
            trace_record(100, kinds.P_CALL, thread=18),
            trace_record(120, kinds.M_RECLAIM, arg=20, thread=18),
            trace_record(130, kinds.M_RECLAIM, arg=3, thread=19),
            trace_record(140, kinds.P_PUT, thread=18),
            trace_record(200, kinds.P_CALL, thread=18),
            trace_record(210, kinds.P_PUT, thread=18),
            trace_record(300, kinds.M_DISK_REQUEST, arg=100, thread=5),  # submitted at 200
            trace_record(300, kinds.P_DISK_DONE, subject=1, thread=5),
            trace_record(310, kinds.M_DISK_REQUEST, arg=60, thread=5),  # at 250: came back with the one before
            trace_record(310, kinds.P_DISK_DONE, subject=1, thread=5),
            trace_record(500, kinds.M_DISK_REQUEST, arg=150, thread=5),
            trace_record(500, kinds.P_DISK_DONE, subject=2, arg=7, thread=5),
        ]
    )
    rows = segments(trace)
    assert rows.loc[rows["pair"] == "client.call>put", "dropped"].tolist() == [20, 0]
    done = rows[rows["pair"].str.contains(">disk_done")]
    assert done["awaited"].tolist() == [1, 0, 1] and done["blocks"].tolist()[-1] == 7


def test_segments_carry_the_sizes_of_both_their_points() -> None:
    kinds = TraceKind
    trace = np.concatenate(
        [
            trace_record(100, kinds.P_RECEIVE, subject=2, arg=48, thread=17, cpu_ns=100),
            trace_record(150, kinds.P_TAKE, subject=1, arg=64, thread=2, cpu_ns=900),
            trace_record(200, kinds.M_FLIP, arg=1, thread=2),
            trace_record(300, kinds.P_ENTER, subject=BatchTag.FRAME, arg=600 | 5 << 32, thread=17, cpu_ns=200),
            trace_record(400, kinds.P_SEND, subject=BatchTag.FRAME, thread=17, cpu_ns=50),
        ]
    )
    rows = segments(trace).set_index("pair")
    assert set(rows.index) >= {"client.start>receive", "client.receive>enter.frame", "client.enter.frame>send.frame"}
    enter = rows.loc["client.receive>enter.frame"]
    assert (enter["cpu_ns"], enter["steps"], enter["rows"]) == (200, 600, 5)
    assert (enter["prev_bytes"], enter["prev_writes"]) == (48, 2)
    send = rows.loc["client.enter.frame>send.frame"]
    assert (send["prev_steps"], send["prev_rows"]) == (600, 5)
    assert send["kind"] == "client.send.frame"


def test_aggregation_loses_nothing_that_a_fit_needs() -> None:
    data = table(rows=300, bytes=np.random.default_rng(1).choice([8, 64, 512], 300), writes=1)
    data["cpu_ns"] = 100 + 2 * data["bytes"] + np.random.default_rng(2).normal(0, 5, len(data))
    rows = aggregate(data)
    assert rows["n"].sum() == len(data)
    again = rows.loc[rows.index.repeat(rows["n"])].rename(columns={"mean_ns": "cpu_ns"}).reset_index(drop=True)
    first = fit_pairs(data, FREE, {})["client.block>receive"]
    second = fit_pairs(again.drop(columns=["n", "min_ns", "max_ns"]), FREE, {})["client.block>receive"]
    assert second.fixed_ns == pytest.approx(first.fixed_ns, rel=1e-9)
    assert second.per_size_ns == pytest.approx(first.per_size_ns, rel=1e-9)


# ---- what is shipped ---------------------------------------------------------------------------------


def test_validation_scenarios_are_never_calibrated_on() -> None:
    fitted = {one.name for one in calibration_scenarios()}
    assert fitted.isdisjoint(files.shipped("validation"))
    seeds = {one.seed for one in calibration_scenarios()}
    assert seeds.isdisjoint(files.load_shipped(name).seed for name in files.shipped("validation"))
    assert sorted(load_calibration().provenance["scenarios"]) == sorted(fitted)


def test_the_shipped_segments_give_the_shipped_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_BOOTSTRAPS", 1)  # intervals are not compared
    shipped = load_calibration()
    rows = pd.read_csv(store.calibration_root() / "icount" / SEGMENTS)
    rows = rows[rows.groupby("pair")["n"].transform("sum") <= 5000]  # the frequent ones take half a minute
    data = rows.loc[rows.index.repeat(rows["n"])].rename(columns={"mean_ns": "cpu_ns"}).reset_index(drop=True)
    data = data.drop(columns=["n", "min_ns", "max_ns"])
    data["kind"] = data["pair"].str.replace(r"\..*>", ".", regex=True)
    again = fit_pairs(data, shipped.scheduling, shipped.kinds)
    rare = {pair: segment for pair, segment in shipped.segments.items() if segment.observations <= 5000}
    assert set(again) == set(rare)
    for pair, segment in rare.items():
        of_pair = data[data["pair"] == pair].fillna(0.0)
        # The file has six digits, and it is means that are clipped at 0 here, single segments there: 1 % or 5 ns.
        assert predicted(of_pair, again[pair]) == pytest.approx(predicted(of_pair, segment), rel=0.01, abs=5), pair
        assert again[pair].by_sizes_ns == pytest.approx(segment.by_sizes_ns, rel=0.01, abs=5), pair
        assert again[pair].observations == segment.observations


def test_every_recording_is_of_the_shipped_scenario_and_the_calibrated_kernel() -> None:
    kernel = load_calibration().provenance["kernel_sha256"]
    for name in files.shipped("validation"):
        kept = load_recorded(files.load_shipped(name), "icount")
        assert kept.provenance["kernel_sha256"] == kernel
        assert kept.metrics["crashes"] == 0


# ---- on disk -----------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for calibrations."""
    monkeypatch.setattr(store, "calibration_root", lambda: tmp_path)
    (tmp_path / "icount").mkdir()
    return tmp_path


def only_line(error: pytest.ExceptionInfo[BadInput]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_parameters_are_read_back_as_they_were_written(root: Path) -> None:
    data = table()
    data["cpu_ns"] = 100 + data["bytes"]
    parameters = Parameters(
        platform="icount",
        provenance={"kernel_sha256": "a" * 64},
        scheduling=FREE,
        memory=fit_memory(pd.DataFrame({"base": [3000], "pages": [24.0], "clients": [2], "shared": [0]})),
        segments=fit_pairs(data, FREE, {}),
        kinds={},
    )
    parameters.dump(root / "icount" / store.PARAMETERS)
    assert load_calibration("icount") == parameters
    assert [path.name for path in (root / "icount").iterdir()] == [store.PARAMETERS]


def test_a_platform_never_calibrated_is_bad_input(root: Path) -> None:
    with pytest.raises(BadInput) as error:
        load_calibration("kvm")
    assert "rayos calibrate --platform kvm" in only_line(error)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"platform": "icount"}', '{"platform": 5, "segments": []}', "\x00\xff"]
)
def test_a_damaged_calibration_is_bad_input(root: Path, content: str) -> None:
    path = root / "icount" / store.PARAMETERS
    path.write_text(content, "latin-1")
    with pytest.raises(BadInput) as error:
        load_calibration()
    assert str(path) in only_line(error)
    assert "damaged calibration" in only_line(error)


def test_a_recording_is_found_again_and_replaces_the_one_before(root: Path, tmp_path: Path) -> None:
    for number, latency_ns in enumerate((5_000_000, 6_000_000)):
        made = execute(RecordedSystem(small_trace(latency_ns=latency_ns)), small_scenario(), tmp_path / str(number))
        record(made, root / "icount")
    kept = load_recorded(small_scenario(), "icount")
    assert kept.metrics == made.metrics
    assert kept.provenance == dict(made.provenance)
    assert [path.name for path in (root / "icount" / "recorded").iterdir()] == ["small"]
    assert not list(kept.path.glob("*.parquet"))


def test_a_recording_that_is_not_there_names_those_that_are(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="recorded: none") as error:
        load_recorded(small_scenario(), "icount")
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    with pytest.raises(BadInput, match="recorded: small") as error:
        load_recorded(small_scenario(name="other"), "icount")
    assert "without --recorded" in only_line(error)


def test_a_recording_of_another_version_of_the_scenario_is_refused(root: Path, tmp_path: Path) -> None:
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    with pytest.raises(BadInput, match="another version of 'small'") as error:
        load_recorded(small_scenario(seed=9), "icount")
    only_line(error)


@pytest.mark.parametrize("name", ["metrics.json", "provenance.json", "scenario.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"name": 1})])
def test_a_damaged_recording_is_bad_input(root: Path, tmp_path: Path, name: str, content: str) -> None:
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    damaged = root / "icount" / "recorded" / "small" / name
    if (name, content) == ("provenance.json", json.dumps({"name": 1})):
        return  # any object will do
    damaged.write_text(content)
    with pytest.raises(BadInput) as error:
        load_recorded(small_scenario(), "icount")
    assert str(damaged.parent) in only_line(error)
