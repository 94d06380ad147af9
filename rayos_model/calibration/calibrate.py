"""Calibration run: runs the calibration scenarios on the kernel, fits all parameters, stores them with provenance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.calibration.cache_classes import cache_classes, space_switches
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
from rayos_model.toolchain.temporary import temporary_folder
from rayos_model.trace.segments import segments

SEGMENTS = "segments.csv"
SEVERAL_OBSERVATIONS = 20
"""Fewest segments of a pair from which its additional cost on several CPUs is estimated."""

_SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios" / "calibration"


def calibration_scenarios() -> list[Scenario]:
    """The scenarios that parameters are fitted to, in order of name. None of them is used for validation."""
    return [load(path) for path in sorted(_SCENARIOS.glob("*.toml"))]


def calibrate(
    kernel: System,
    platform: str,
    out: Path | None = None,
    progress: Callable[[str], ProgressFn] | None = None,
    *,
    noisy: bool = False,
) -> Parameters:
    """Runs every calibration scenario on `kernel` and fits all parameters. `kernel` must keep points in its trace.

    `noisy`: the platform is not deterministic. Then the spread of costs and its persistence are fitted as well, and CPU
    times are corrected for the host's pace around each run (pace.py).

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
    with temporary_folder("calibrate") as scratch:
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
            table = table.join(space_switches(table))
            wakes = idle_wake_delays(trace)
            if noisy:
                then = pace_around(paces, number)
                table = table.join(cache_classes(table, scenario.machine.quantum_us * 1000))
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
    """Fits all parameters to the segments, memory snapshots and idle wake-ups of the calibration runs.

    `failures` are segments of pairs that occur only with injected failures; scheduling costs are not fitted to them.
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
    """Adds the parameters that only a machine with several CPUs shows, from segments of a run on `vcpus` CPUs.

    * `cpu_search_ns`: queueing events for a client costs more where the kernel has to find a CPU for it. Costs form two
      clear groups; the parameter is their distance per CPU beyond the first.
    * `smp_ns` of each pair with enough observations: the median of the remaining additional cost.
    * `ipi_wake_ns`, `syscall_exit_ns`: from `handovers` (the function of that name), the delay from the end of a turn
      to the switch on an idle CPU that receives an IPI: after a client's send, and how much longer after its recv.

    Segments that cost twice as much or more are left out: another CPU's turn falls into them.
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
    """Adds the parameters that only CPUs running in parallel show, from runs in which each CPU had a host core.

    * `bql_hold_ns`: queueing events for a client costs more where a CPU has to receive an IPI. Costs form two clear
      groups; the parameter is their distance. Every exit to QEMU is assumed to hold the Big QEMU Lock for that time.
    * `parallel_spread` of each pair with enough observations: quantiles of measured over fitted cost; of queued events
      only the cheaper group.
    * Hold times of the kernel lock: means over the runs of `locked`, which has one column of `kernel_locked` per run.
    """
    undisturbed = table[table["irqs"] == 0]
    events = undisturbed.loc[undisturbed["pair"] == "compositor.events>events", "cpu_ns"]
    bql_hold_ns, with_ipi = _two_groups(events.to_numpy(np.float64))
    undisturbed = undisturbed.drop(events.index[with_ipi])
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
    """Splits values into two groups by k-means: (distance of their medians, mask of the upper group)."""
    from scipy.cluster.vq import kmeans2

    _, group = kmeans2(values, np.quantile(values, (0.05, 0.95)), minit="matrix")
    upper = np.asarray(group == 1)
    return float(np.median(values[upper]) - np.median(values[~upper])), upper


def only_in_failures(ordinary: pd.DataFrame, failures: list[pd.DataFrame]) -> pd.DataFrame:
    """Segments of pairs that occur only in runs with injected failures.

    Other segments of those runs are left out: the costs of clients that are respawned all the time, on a machine that
    has run for a while, are not representative.
    """
    known = set(ordinary["pair"].unique())
    return pd.concat([table[~table["pair"].isin(known)] for table in failures], ignore_index=True)


def aggregate(table: pd.DataFrame) -> pd.DataFrame:
    """Groups equal segments into one row: pair, sizes, irqs, dispatches; n, mean_ns, min_ns and max_ns of CPU time."""
    keys = [column for column in table.columns if column not in OF_ONE_SEGMENT]
    grouped = table.groupby(keys, dropna=False, sort=True)["cpu_ns"]
    return grouped.agg(n="size", mean_ns="mean", min_ns="min", max_ns="max").reset_index().dropna(axis=1, how="all")


def _provenance(run: Run) -> dict[str, Any]:
    keep = ("kernel_sha256", "qemu_version", "qemu_arguments", "host_cpu", "host_cores", "package_version", "platform")
    return {key: run.provenance.get(key) for key in keep} | {"date": datetime.now(UTC).isoformat(timespec="seconds")}
