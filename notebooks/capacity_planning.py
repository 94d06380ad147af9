# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Capacity planning: how many clients fit?
#
# The model answers what-if questions in seconds. [Planning](../docs/explanation/planning.md) says how far to trust it;
# `rayos plan … --confirm` checks the answer on the kernel.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import SVG
from ipywidgets import Dropdown, IntSlider, interact

from rayos_model import api
from rayos_model.analysis.bottleneck import split_by_band
from rayos_model.calibration import load_calibration
from rayos_model.model import simulate
from rayos_model.report import explain
from rayos_model.report import plots
from rayos_model.report.plans import front

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)
base = api.with_changes(api.load_scenario("soak-4", duration_s=4), {"clients.*.damage": 1.0, "clients.*.surface": [640, 480]})

# %% [markdown]
# ## A sweep
#
# Windows of 640 × 480 that repaint completely: the composite pass grows with their number.

# %%
table = api.sweep(base, {"clients": [2, 6, 10, 14]}, out=scratch / "sweep.parquet", jobs=1)
wide = table.pivot_table(index="clients", columns="metric", values="value")
wide[["commit_to_present.p99", "composition.p99", "frame_rate.mean", "cpu.mean"]].round(1)  # µs, µs, fps, %

# %%
axis = wide["commit_to_present.p99"].div(1000).plot(marker="o", figsize=(6, 2.6), grid=True)
axis.set(xlabel="clients", ylabel="commit-to-present p99, ms", ylim=(0, 38));

# %% [markdown]
# ## The largest number that meets an objective
#
# The search brackets, then bisects. Each verdict holds at the stated confidence over replications with common random
# numbers. Sufficient memory for every client is an objective too.

# %%
answer = api.plan(base, "clients", ["dropped_frames.percent<1%"], bounds=api.Range(2, 24), jobs=1, store=scratch / "points")
answer

# %% [markdown]
# Of two machines for the same clients, the one with 32 MB has memory for only a few. With 64 MB the display's refresh
# rate is the limit.

# %%
knobs = {"others": {"machine.memory_mb": [32, 64]}, "smallest": ["machine.memory_mb"], "bounds": api.Range(2, 16)}
front(api.plan(base, "clients", ["dropped_frames.percent<1%"], **knobs, jobs=1, store=scratch / "points"))

# %% [markdown]
# ## Where the time goes
#
# The parts of commit-to-present, from the trace points of one run.

# %%
run = api.run(api.with_changes(base, {"clients": 10}), trace_points=True, out=scratch / "run")
bands = split_by_band(api.latency_split(run))
SVG(plots.svg(explain.split_figure({"10 clients": bands})))

# %% [markdown]
# Most of it is the wait for the next repaint, and the pass itself, 6.4 ms here. Composition starts 7 ms before the
# vblank. With one more client the pass does not end in time, and every frame takes a period longer. That is the step in
# the sweep.
#
# ## What if?
#
# Every key of a scenario can be varied. Move the slider where the notebook is live; the table below it shows the same
# for a few values.


# %%
parameters = load_calibration("icount")


def what_if(clients: int, refresh_hz: int, side: int) -> pd.Series:
    """Two seconds on the model: frame rate, drops and latency with square windows of this side."""
    changes = {"clients": clients, "display.refresh_hz": refresh_hz, "clients.*.surface": [side, side], "duration_s": 2}
    metrics = simulate(api.with_changes(base, changes), parameters)
    return pd.Series(
        {
            "frames a second": metrics["frame_rate.mean"],
            "dropped, %": metrics["dropped_frames.percent"],
            "commit-to-present p99, ms": metrics["commit_to_present.p99"] / 1000,
            "CPU, %": metrics["cpu.mean"],
        }
    ).round(1)


interact(
    what_if,
    clients=IntSlider(6, 1, 24, continuous_update=False),
    refresh_hz=Dropdown(options=[60, 75, 120], description="refresh, Hz"),
    side=Dropdown(options=[240, 480, 640], value=480, description="window, px"),
);

# %%
asked = pd.MultiIndex.from_product([[6, 12], [60, 120], [480, 640]], names=["clients", "refresh, Hz", "window, px"])
pd.DataFrame([what_if(*values) for values in asked], index=asked)
