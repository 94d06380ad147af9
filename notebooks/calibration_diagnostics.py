# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where the model's parameters come from, and how well they are known
#
# Every service time of the model was fitted to kernel runs made for that purpose
# ([calibration](../docs/explanation/calibration.md)). This notebook examines the fit that ships with the package.

# %%
import pandas as pd
from IPython.display import SVG

from rayos_model.scenario import files
from rayos_model.calibration import load_calibration
from rayos_model.calibration.diagnostics import fits, identifiability, load_segments, residuals
from rayos_model.calibration.store import calibration_root
from rayos_model.report import plots
from rayos_model.experiments.elasticity import sensitivity

parameters = load_calibration("icount")
segments = load_segments(calibration_root() / "icount")
pd.Series({k: parameters.provenance.get(k) for k in ("platform", "kernel_sha256", "qemu_version", "date")})

# %% [markdown]
# ## The segments that take the CPU time
#
# A segment is the work of one thread between two points of its control flow. `bias` is the mean residual relative to
# the mean cost; `rms_ns` is what the fit leaves unexplained.

# %%
costs = fits(segments, parameters)
costs.head(12).round(4)

# %% [markdown]
# Each dot is a group of equal segments; its area is their share of all CPU time. A few lie far from the line, but those
# that take most of the time lie close to it: the table shows how close.

# %%
left = residuals(segments, parameters)
SVG(plots.svg(plots.residuals(left)))

# %%
cpu_time = left["n"] * left["cpu_ns"]
off = (left["residual_ns"] / left["expected_ns"]).abs()
within = {f"{limit:.0%}": 100 * cpu_time[off <= limit].sum() / cpu_time.sum() for limit in (0.01, 0.05, 0.1)}
pd.Series(within, name="share of CPU time, %").rename_axis("residual at most").to_frame().round(1)

# %% [markdown]
# The most expensive segment is the composite pass. Its smallest passes cost more than the line predicts; some of the
# larger ones cost a tenth or even a third less. The line knows steps, rows, blits and rectangles, and not what was
# painted ([the model](../docs/explanation/model.md), Limits).

# %%
SVG(plots.svg(plots.residuals(left, [costs["pair"][0]])))

# %% [markdown]
# ## Can the runs distinguish the parameters?
#
# A size that never varies alone has no coefficient of its own. The table shows the worst pairs. Where equal sizes were
# seen often, the model looks up their cost instead (`looked_up`).

# %%
known = pd.DataFrame([one.to_dict() for one in identifiability(segments, parameters)]).set_index("pair")
print(f"{int(known['ok'].sum())} of {len(known)} pairs with sizes are determined in full")
known.sort_values("condition", ascending=False).head(8)[["fitted", "aliased", "condition", "looked_up"]].round(1)

# %% [markdown]
# ## What do predictions depend on?
#
# The elasticity of a metric to a parameter is the change of the metric, in per cent, for one per cent of the parameter.
# Each parameter is raised by 10 % while everything else, random numbers included, stays the same. Parameters that move a
# metric by less than 0.005 are left out. One second is enough for means; `rayos report --calibration icount` adds
# quantiles and CPU time.

# %%
depends = sensitivity(files.load("validation/mixed-4").with_overrides(duration_s=1), parameters)
asked = ["buffer_commit.mean", "event_delivery.mean", "composition.mean", "commit_to_present.mean"]
depends[depends["metric"].isin(asked)].groupby("metric").head(3).set_index(["metric", "parameter"]).sort_index(
    level=0, sort_remaining=False
).round(2)

# %% [markdown]
# Read the figure before you measure anything more precisely. Where commit-to-present is missing, no cost moves it: with
# so few clients its frames wait for the display and not for the CPU. The short latencies are sums of a few costs each.
