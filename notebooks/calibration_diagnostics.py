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
# Every service time of the model was fitted to runs of the kernel made for that purpose
# ([docs/calibration.md](../docs/calibration.md)). This looks at the fit that ships with the package.

# %%
import pandas as pd
from IPython.display import SVG

from rayos_model.calibration import load_calibration
from rayos_model.calibration.diagnostics import fits, identifiability, load_segments, residuals
from rayos_model.calibration.store import calibration_root
from rayos_model.report import plots

parameters = load_calibration("icount")
segments = load_segments(calibration_root() / "icount")
pd.Series({k: parameters.provenance.get(k) for k in ("platform", "kernel_sha256", "qemu_version", "date")})

# %% [markdown]
# ## The segments that take the CPU's time
#
# A segment is the work of one thread between two points of its control flow. `bias` is the mean residual relative to
# the mean cost, `rms_ns` what the fit leaves unexplained.

# %%
fits(segments, parameters).head(12).round(4)

# %% [markdown]
# Each dot is a group of equal segments; its area is their share of all CPU time. What matters lies on the line.

# %%
SVG(plots.svg(plots.residuals(residuals(segments, parameters))))

# %% [markdown]
# ## Can the runs tell the parameters apart?
#
# A size that never varies alone has no coefficient of its own. These pairs are the worst; where equal sizes were seen
# often, the model looks their cost up instead (`looked_up`).

# %%
known = pd.DataFrame([one.to_dict() for one in identifiability(segments, parameters)]).set_index("pair")
print(f"{int(known['ok'].sum())} of {len(known)} pairs with sizes are determined in full")
known.sort_values("condition", ascending=False).head(8)[["fitted", "aliased", "condition", "looked_up"]].round(1)
