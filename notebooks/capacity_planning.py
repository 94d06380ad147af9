# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Capacity planning: how many clients does it take?
#
# The model answers what-ifs in seconds. [docs/planning.md](../docs/planning.md) says how far to trust it;
# `rayos plan … --confirm` has the answer checked on the kernel.

# %%
import tempfile
from pathlib import Path

from IPython.display import SVG, display

from rayos_model import api
from rayos_model.analysis.bottleneck import split_by_band
from rayos_model.report import explain, plots
from rayos_model.report.plans import figure

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)
base = api.varied(api.load_scenario("soak-4", duration_s=4), {"clients.*.damage": 1.0, "clients.*.surface": [640, 480]})

# %% [markdown]
# ## A sweep
#
# Windows of 640 × 480 that repaint all of themselves: the composite pass grows with their number.

# %%
table = api.sweep(base, {"clients": [2, 6, 10, 14]}, out=scratch / "sweep.parquet", jobs=1)
wide = table.pivot_table(index="clients", columns="metric", values="value")
wide[["commit_to_present.p99", "composition.p99", "frame_rate.mean", "cpu.mean"]].round(1)

# %%
axis = wide["commit_to_present.p99"].div(1000).plot(marker="o", figsize=(6, 2.6), grid=True)
axis.set(xlabel="clients", ylabel="commit-to-present p99, ms", ylim=(0, None));

# %% [markdown]
# ## The largest number that meets an objective
#
# The search brackets, then bisects; each verdict holds at the stated confidence over replications with common random
# numbers. Memory counts as an objective of its own.

# %%
answer = api.plan(base, "clients", ["dropped_frames.percent<1%"], bounds=api.Range(2, 24), jobs=1, store=scratch / "points")
display(answer)
SVG(plots.svg(figure(answer)))

# %% [markdown]
# ## Where the time goes
#
# What commit-to-present consists of, from the control-flow points of one run.

# %%
run = api.run(api.varied(base, {"clients": 10}), trace_points=True, out=scratch / "run")
bands = split_by_band(api.latency_split(run))
SVG(plots.svg(explain.split_figure({"10 clients": bands})))
