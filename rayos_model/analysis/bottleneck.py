"""Where the processor's time and each frame's latency go, from the trace of a run. Must not know who made it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from rayos_model.contract.trace_record import FIRST_MEASUREMENT, Records, TraceKind
from rayos_model.errors import BadInput
from rayos_model.run.run import Run

PARTS: Final = ("queueing", "service", "repaint_wait", "composition", "preemption", "vblank_wait")
"""What commit-to-present consists of, in order of time; columns of `latency_split`."""

BANDS: Final = {
    "up to p50": (0.0, 0.5),
    "p50 to p95": (0.5, 0.95),
    "p95 to p99": (0.95, 0.99),
    "above p99": (0.99, 1.0),
}

_APART_NS: Final = 1_000_000
"""Records of one instant are written one after the other; a client's commits are further apart than this."""


def utilisation(run: Run) -> pd.DataFrame:
    """Who uses the processor, for what: one row a thread class and operation, the largest share first.

    Columns: thread, operation, segments, cpu_percent (of the measured time), mean_us. Times are those of the measured
    part. Raises `BadInput` for a run without points.
    """
    from rayos_model.trace.segments import segments

    trace = _with_points(run)
    table = segments(trace[trace["kind"] < FIRST_MEASUREMENT])
    start, end = run.scenario.warmup_ns, run.scenario.duration_ns
    table = table[(table["time_ns"] >= start) & (table["time_ns"] < end)]
    parts = table["kind"].str.split(".", n=2, expand=True)  # compositor.request.<interface>.<request>
    by = [parts[0].rename("thread"), parts[1].rename("operation")]
    result = table.groupby(by)["cpu_ns"].agg(segments="size", total="sum").reset_index()
    result["cpu_percent"] = 100 * result["total"] / (end - start)
    result["mean_us"] = result["total"] / result["segments"] / 1000
    return result.drop(columns="total").sort_values("cpu_percent", ascending=False, ignore_index=True)


def latency_split(run: Run) -> pd.DataFrame:
    """Every commit-to-present of the measured part, split: one row a sample, times in ns.

    Columns: time_ns (of the flip), client, then what it consists of, which adds up to total:
    queueing (the batch waits for the compositor), service (handled up to the commit), repaint_wait (until the pass that
    paints it), composition (CPU time of that pass), preemption (of that pass), vblank_wait (from its end to the flip).
    Raises `BadInput` for a run without points.
    """
    trace = _with_points(run)
    trace = trace[np.argsort(trace["time_ns"], kind="stable")]
    flips = trace[trace["kind"] == TraceKind.M_FLIP]["time_ns"].astype(np.int64)
    shown = _frame(trace, TraceKind.M_COMMIT_TO_PRESENT, "total")
    shown = pd.merge_asof(shown, pd.DataFrame({"flip_ns": flips}), left_on="time_ns", right_on="flip_ns").dropna()
    shown["time_ns"] = shown.pop("flip_ns").astype(np.int64)
    shown["sent_ns"] = shown["time_ns"] - shown["total"]
    applied = _frame(trace, TraceKind.M_BUFFER_COMMIT, "until_applied")
    applied["sent_ns"] = applied["time_ns"] - applied["until_applied"]
    take = trace[trace["kind"] == TraceKind.P_TAKE]
    taken = pd.DataFrame({"taken_ns": take["time_ns"].astype(np.int64), "client": take["subject"].astype(np.int64)})
    taken["begun_ns"] = taken["taken_ns"] - take["cpu_ns"].astype(np.int64)
    applied = pd.merge_asof(applied, taken, left_on="time_ns", right_on="taken_ns", by="client").dropna()
    queueing = applied["begun_ns"] - applied["sent_ns"]
    applied["queueing"] = np.minimum(queueing.clip(lower=0), applied["until_applied"])
    samples = pd.merge_asof(
        shown.sort_values("sent_ns", kind="stable"),
        applied[["client", "sent_ns", "until_applied", "queueing"]].sort_values("sent_ns", kind="stable"),
        on="sent_ns",
        by="client",
        direction="nearest",
        tolerance=_APART_NS,
    ).dropna()

    passes = _frame(trace, TraceKind.M_COMPOSITION, "lasted").rename(columns={"time_ns": "painted_ns"})
    point = trace[trace["kind"] == TraceKind.P_COMPOSITE]
    cpu = pd.DataFrame({"at_ns": point["time_ns"].astype(np.int64), "cpu": point["cpu_ns"].astype(np.int64)})
    passes = pd.merge_asof(passes, cpu, left_on="painted_ns", right_on="at_ns", direction="nearest")
    samples = samples.sort_values("time_ns", kind="stable")
    samples = pd.merge_asof(samples, passes[["painted_ns", "lasted", "cpu"]], left_on="time_ns", right_on="painted_ns")
    samples = samples.dropna().astype(np.int64)
    samples["service"] = samples["until_applied"] - samples["queueing"]
    samples["composition"] = np.minimum(samples["cpu"], samples["lasted"])
    samples["preemption"] = samples["lasted"] - samples["composition"]
    samples["vblank_wait"] = samples["time_ns"] - samples["painted_ns"]
    known = samples[["until_applied", "lasted", "vblank_wait"]].sum(axis=1)
    samples["repaint_wait"] = samples["total"] - known
    measured = (samples["time_ns"] >= run.scenario.warmup_ns) & (samples["time_ns"] < run.scenario.duration_ns)
    return samples[measured][["time_ns", "client", *PARTS, "total"]].reset_index(drop=True)


def split_by_band(split: pd.DataFrame) -> pd.DataFrame:
    """Means of the parts, ms, over the samples of each band of the total's distribution; one row a band."""
    order = split.sort_values("total", kind="stable")
    rows: dict[str, Any] = {}
    for name, (low, high) in BANDS.items():
        band = order.iloc[int(low * len(order)) : max(int(high * len(order)), int(low * len(order)) + 1)]
        rows[name] = band[[*PARTS, "total"]].mean() / 1e6
    return pd.DataFrame(rows).T.rename_axis("band")


def _with_points(run: Run) -> Records:
    trace = run.trace()
    if not (trace["kind"] < FIRST_MEASUREMENT).any():
        raise BadInput(f"{run.path}: has no control-flow points; run it with --trace-points (trace_points=True)")
    return trace


def _frame(trace: Records, kind: TraceKind, name: str) -> pd.DataFrame:
    chosen = trace[trace["kind"] == kind]
    columns = {"time_ns": chosen["time_ns"], "client": chosen["subject"], name: chosen["arg"]}
    return pd.DataFrame({column: values.astype(np.int64) for column, values in columns.items()})
