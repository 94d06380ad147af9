"""Analytic bounds: operational laws and queueing formulas beside the measured values of a run. Not predictions.

Sources: Denning and Buzen (1978), operational analysis; Kleinrock, Queueing Systems I (Pollaczek and Khinchine) and II
(priorities); Kingman (1961). The frame cycle follows from docs/explanation/compositor.md, "Repaint" and "Vblank".
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rayos_model.analysis.bottleneck import latency_split, utilisation
from rayos_model.contract.abi import TraceKind
from rayos_model.run.run import Run
from rayos_model.scenario.tables import NS


def pollaczek_khinchine(rate: float, services: np.ndarray) -> float:
    """Mean wait in an M/G/1 queue, λ E[S²] / (2 (1 − ρ)), in the unit of `services`; infinite for ρ ≥ 1."""
    load = rate * float(services.mean())
    return rate * float((services.astype(np.float64) ** 2).mean()) / (2 * (1 - load)) if load < 1 else math.inf


def kingman(gaps: np.ndarray, services: np.ndarray) -> float:
    """Mean wait in a G/G/1 queue by Kingman's approximation, ρ/(1 − ρ) · (c_a² + c_s²)/2 · E[S]; infinite for ρ ≥ 1."""
    load = float(services.mean() / gaps.mean())
    variation = (gaps.std() / gaps.mean()) ** 2 + (services.std() / services.mean()) ** 2
    return load / (1 - load) * float(variation) / 2 * float(services.mean()) if load < 1 else math.inf


def frame_cycle_ns(composition_ns: float, window_ns: float, period_ns: float) -> float:
    """Time between flips when every client waits for its frame: (1 + ⌈(C − w) / T⌉) T, at least T, in ns.

    C is the duration of a pass, w the repaint window, T the refresh period. A pass starts w before a vblank and is
    shown at the first vblank after its end; the clients' next commits are painted w before the following vblank.
    """
    return (1 + max(0, math.ceil((composition_ns - window_ns) / period_ns))) * period_ns


def bounds(run: Run) -> pd.DataFrame:
    """Measured and analytic values, one row per law. Columns: quantity, unit, measured, analytic, law.

    Each law has assumptions. M/G/1 assumes Poisson arrivals. Both waits model queueing only: at light load the measured
    wait is the path into the compositor (system call, context switch). The frame cycle assumes clients paced by the
    display. Raises `BadInput` for a run without points.
    """
    scenario = run.scenario
    seconds = (scenario.duration_ns - scenario.warmup_ns) / NS
    split, used = latency_split(run), utilisation(run)
    rows = [
        ("processor busy", "%", run.metrics["cpu.mean"], float(used["cpu_percent"].sum()), "utilisation law, Σ λ s"),
    ]
    if len(split) > 1:
        services = split["service"].to_numpy()
        sent = np.sort(split["time_ns"].to_numpy() - split["total"].to_numpy())
        gaps, wait = np.diff(sent), float(split["queueing"].mean()) / 1000
        mg1 = pollaczek_khinchine(len(sent) / (seconds * NS), services) / 1000
        rows += [
            ("wait for the compositor", "us", wait, mg1, "M/G/1, Pollaczek–Khinchine"),
            ("wait for the compositor", "us", wait, kingman(gaps, services) / 1000, "G/G/1, Kingman"),
        ]
        flips = run.trace(TraceKind.M_FLIP)["time_ns"].astype(np.int64)
        flips = flips[(flips >= scenario.warmup_ns) & (flips < scenario.duration_ns)]
        lasted = float((split["composition"] + split["preemption"]).mean())
        window_ns, period_ns = scenario.display.repaint_window_us * 1000, NS / scenario.display.refresh_hz
        cycle = frame_cycle_ns(lasted, window_ns, period_ns) / 1000
        if len(flips) > 1:
            rows.append(("time between flips", "us", float(np.diff(flips).mean()) / 1000, cycle, "frame cycle"))
        in_flight = len(split) / seconds * float(split["total"].mean()) / NS
        rows.append(("commits not yet shown", "", in_flight, float(scenario.client_count), "Little's law, at most"))
    return pd.DataFrame(rows, columns=["quantity", "unit", "measured", "analytic", "law"])
