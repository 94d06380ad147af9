"""`rayos calibrate`: run the calibration scenarios on the kernel, fit, and keep the result with its provenance."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.calibration.circumstances import circumstances, replaced_spaces
from rayos_model.calibration.delays import handovers, idle_wake_delays, kernel_locked
from rayos_model.calibration.expected import OF_ONE_SEGMENT, expected_ns
from rayos_model.calibration.fit import fit_kinds, fit_pairs, fit_persistence, fit_scheduling, quantiles
from rayos_model.calibration.host import slice_ns, switch_ns, turn_ns, wake_ns
from rayos_model.calibration.memory import fit_memory, memory_table
from rayos_model.calibration.pace import median_costs, pace, pace_around, run_pace_scenario
from rayos_model.calibration.store import PARAMETERS, calibration_root
from rayos_model.costs.parameters import Parameters
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import written_aside
from rayos_model.trace.segments import segments

SEGMENTS = "segments.csv"
SEVERAL_OBSERVATIONS = 20
"""Segments of a pair that tell what it costs more on several processors."""

_SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios" / "calibration"


def calibration_scenarios() -> list[Scenario]:
    """The scenarios that parameters are fitted from, in order of name; none of them is ever used for validation."""
    return [load(path) for path in sorted(_SCENARIOS.glob("*.toml"))]


def calibrate(
    kernel: System,
    platform: str,
    out: Path | None = None,
    progress: Callable[[str], ProgressFn] | None = None,
    *,
    noisy: bool = False,
) -> Parameters:
    """Runs every calibration scenario on `kernel` (which must keep points in its trace) and fits all parameters.

    `noisy`: the platform does not repeat itself, so the spread of costs is kept as well, and how long it lasts; what a
    run took is corrected for the pace that the host had about then (pace.py).

    Writes parameters.json and segments.csv (aggregated segments) to `out` (default: calibration/<platform>).
    Raises what running raises (`PlatformFailure`, `StorageFailure`).
    """
    target = out or calibration_root() / platform
    tables: list[pd.DataFrame] = []
    failures: list[pd.DataFrame] = []
    several: dict[int, tuple[pd.DataFrame, pd.DataFrame]] = {}
    at_once: list[pd.DataFrame] = []
    locked: list[pd.Series] = []
    memories, idle_wakes, provenance = [], [], {}
    with tempfile.TemporaryDirectory(prefix="rayos-calibrate-") as scratch:
        runs, between, switches = [], [], []
        for scenario in calibration_scenarios():
            if noisy:
                between.append(run_pace_scenario(kernel, progress))
                switches.append(switch_ns())
            runs.append(execute(kernel, scenario, Path(scratch, scenario.name), progress and progress(scenario.name)))
        pace_ns = median_costs(between)
        paces = [pace(table, pace_ns) for table in between]
        for number, run in enumerate(runs):
            scenario, trace = run.scenario, run.trace()
            provenance = _provenance(run)
            table = segments(trace)
            if scenario.machine.vcpus > 1:
                if not noisy:
                    several[scenario.machine.vcpus] = table, handovers(trace)
                elif scenario.machine.vcpus <= run.provenance["host_cores"]:
                    then = pace_around(paces, number)
                    at_once.append(then.taken_from(table))
                    locked.append(kernel_locked(trace) / then.general)
                continue
            table = table.join(replaced_spaces(table))
            wakes = idle_wake_delays(trace)
            if noisy:
                then = pace_around(paces, number)
                table = table.join(circumstances(table, scenario.machine.quantum_us * 1000))
                table = then.taken_from(table).assign(run=number)
                wakes = wakes / then.general
            if scenario.kind == "failure":
                failures.append(table)
                continue
            tables.append(table)
            memories.append(memory_table(trace, scenario))
            idle_wakes.append(wakes)
    table = pd.concat(tables, ignore_index=True)
    novel = only_in_failures(table, failures)
    provenance["scenarios"] = [scenario.name for scenario in calibration_scenarios()]
    memory, idle_wake_ns = pd.concat(memories, ignore_index=True), np.concatenate(idle_wakes)
    parameters = fit(table, memory, idle_wake_ns, platform, provenance, novel, noisy=noisy)
    if noisy:
        persistence = fit_persistence(table, expected_ns(table, parameters))
        host = {
            "host_slice_ns": slice_ns(),
            "host_tick_ns": turn_ns(),
            "host_wake_ns": wake_ns(),
            "host_switch_ns": round(median(switches)),
        }
        parameters = parameters.model_copy(update={"persistence": persistence, "pace_ns": pace_ns, **host})
        if at_once:
            parameters = fit_parallel(parameters, pd.concat(at_once, ignore_index=True), pd.concat(locked, axis=1))
    if several:
        parameters = fit_smp(parameters, max(several), *several[max(several)])
    target.mkdir(parents=True, exist_ok=True)
    with written_aside(target / SEGMENTS, "the segments") as aside:
        aggregate(pd.concat([table, novel], ignore_index=True)).to_csv(aside, index=False, float_format="%.6g")
    parameters.dump(target / PARAMETERS)
    return parameters


def fit(
    table: pd.DataFrame,
    memory: pd.DataFrame,
    idle_wake_ns: np.ndarray,
    platform: str,
    provenance: dict[str, Any],
    failures: pd.DataFrame | None = None,
    *,
    noisy: bool = False,
) -> Parameters:
    """All parameters from the segments, memory snapshots and idle wake-ups of the calibration runs.

    `failures` are segments of pairs that only injected failures show; scheduling is not fitted to them.
    """
    scheduling = fit_scheduling(table, idle_wake_ns, noisy=noisy)
    table = pd.concat([table, failures], ignore_index=True)
    kinds = fit_kinds(table, scheduling, noisy=noisy)
    return Parameters(
        platform=platform,
        provenance=provenance,
        scheduling=scheduling,
        memory=fit_memory(memory),
        segments=fit_pairs(table, scheduling, kinds, noisy=noisy),
        kinds=kinds,
        host_parallelism=int(provenance.get("host_cores") or 1) if noisy else 1,
    )


def fit_smp(parameters: Parameters, vcpus: int, table: pd.DataFrame, handovers: pd.DataFrame) -> Parameters:
    """Adds what is only to be seen on several processors, from segments of a run on `vcpus` of them.

    `cpu_search_ns`: events queued for a client cost more where a CPU has to be found for it, which is clearly the case
    or not: the distance of the two groups, for each processor beyond the first. `smp_ns` of each pair seen often
    enough: the median of what else it costs more. Segments of twice the cost and more are left out of both: a turn of
    another processor falls into them. `handovers`, of the function so named: what passes from the end of a turn to the
    switch on an idle processor that was told, after a client's send and, more by `syscall_exit_ns`, after its recv.
    """
    undisturbed = table[table["irqs"] == 0]
    once = expected_ns(undisturbed, parameters)
    rows = pd.DataFrame({"pair": undisturbed["pair"], "excess_ns": undisturbed["cpu_ns"] - once})
    rows = rows[rows["excess_ns"] < once]
    wakes = rows["pair"].str.contains(">events|>send")
    events = rows[rows["pair"].str.endswith(".events>events")]
    cpu_search_ns = _two_groups(events["excess_ns"].to_numpy())[0] / (vcpus - 1)
    seek = cpu_search_ns * (vcpus - 1) * wakes
    rows["excess_ns"] -= seek * (rows["excess_ns"] > seek / 2)
    of_pair = rows.groupby("pair")["excess_ns"].agg(["size", "median"])
    often = of_pair.loc[of_pair["size"] >= SEVERAL_OBSERVATIONS, "median"]
    segments = {
        pair: segment.model_copy(update={"smp_ns": float(often.get(pair, 0.0))})
        for pair, segment in parameters.segments.items()
    }
    after = handovers.groupby("after")["gap_ns"].median()
    found = {
        "cpu_search_ns": cpu_search_ns,
        "ipi_wake_ns": after["send"],
        "syscall_exit_ns": after["recv"] - after["send"],
    }
    scheduling = parameters.scheduling.model_copy(update={name: max(float(ns), 0.0) for name, ns in found.items()})
    return parameters.model_copy(update={"scheduling": scheduling, "segments": segments})


def fit_parallel(parameters: Parameters, table: pd.DataFrame, locked: pd.DataFrame) -> Parameters:
    """Adds what is only to be seen on processors that run at once, from segments of runs in which each had a core.

    `bql_hold_ns`: events queued for a client cost more where a CPU has to be interrupted for it, which is clearly the
    case or not: the distance of the two groups. All that passes through QEMU is taken to keep its lock as long as that.
    `parallel_spread` of each pair seen often enough: of measured over fitted cost; of those events the cheaper ones'.
    `locked` has a column a run, of what `kernel_locked` says of it: the parameters of that name are its means.
    """
    undisturbed = table[table["irqs"] == 0]
    events = undisturbed.loc[undisturbed["pair"] == "compositor.events>events", "cpu_ns"]
    bql_hold_ns, told = _two_groups(events.to_numpy(np.float64))
    undisturbed = undisturbed.drop(events.index[told])
    ratio = undisturbed["cpu_ns"] / expected_ns(undisturbed, parameters)
    of_pair = ratio[np.isfinite(ratio)].groupby(undisturbed["pair"])
    spreads = {str(pair): quantiles(ratios.to_numpy(), SEVERAL_OBSERVATIONS) for pair, ratios in of_pair}
    segments = {
        pair: segment.model_copy(update={"parallel_spread": spreads.get(pair, ())})
        for pair, segment in parameters.segments.items()
    }
    found = {"bql_hold_ns": max(bql_hold_ns, 0.0)} | {str(name): float(ns) for name, ns in locked.mean(axis=1).items()}
    return parameters.model_copy(
        update={"scheduling": parameters.scheduling.model_copy(update=found), "segments": segments}
    )


def _two_groups(values: NDArray[np.float64]) -> tuple[float, NDArray[np.bool_]]:
    """Of two groups, which k-means tells from each other: how far their medians are apart, and who is in the upper."""
    from scipy.cluster.vq import kmeans2

    _, group = kmeans2(values, np.quantile(values, (0.05, 0.95)), minit="matrix")
    upper = np.asarray(group == 1)
    return float(np.median(values[upper]) - np.median(values[~upper])), upper


def only_in_failures(ordinary: pd.DataFrame, failures: list[pd.DataFrame]) -> pd.DataFrame:
    """From runs with injected failures, the segments of pairs that no ordinary run shows.

    What clients cost that come anew every moment, into a machine that has run for a while, says nothing of others.
    """
    known = set(ordinary["pair"].unique())
    return pd.concat([table[~table["pair"].isin(known)] for table in failures], ignore_index=True)


def aggregate(table: pd.DataFrame) -> pd.DataFrame:
    """Equal segments as one row: pair, sizes, irqs and dispatches; their number, their CPU time's mean and range."""
    keys = [column for column in table.columns if column not in OF_ONE_SEGMENT]
    grouped = table.groupby(keys, dropna=False, sort=True)["cpu_ns"]
    return grouped.agg(n="size", mean_ns="mean", min_ns="min", max_ns="max").reset_index().dropna(axis=1, how="all")


def _provenance(run: Run) -> dict[str, Any]:
    keep = ("kernel_sha256", "qemu_version", "qemu_arguments", "host_cpu", "host_cores", "package_version", "platform")
    return {key: run.provenance.get(key) for key in keep} | {"date": datetime.now(UTC).isoformat(timespec="seconds")}
