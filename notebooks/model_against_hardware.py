# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The model against the kernel
#
# How large are the prediction errors? The first part uses recorded runs of the kernel and needs no QEMU. The second part,
# where QEMU is installed, compares event by event with a run made here. No scenario below was used to fit a parameter.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import SVG, display

from rayos_model import api
from rayos_model.errors import RayosError
from rayos_model.report import plots

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)

# %% [markdown]
# ## Error by metric and scenario
#
# Relative errors in per cent; for CPU and dropped frames, in points. [Metrics](../docs/reference/metrics.md) lists the
# tolerances with their reasons.

# %%
names = ["mixed-1", "mixed-4", "mixed-16", "mixed-64"]
check = api.crosscheck([f"validation/{name}" for name in names], recorded=True).to_dict()
rows = [{"scenario": one["scenario"], **metric} for one in check["scenarios"] for metric in one["metrics"]]
table = pd.DataFrame(rows)
table["error_percent"] = table["error"].where(table["unit"] == "%", 100 * table["error"])
errors = table.pivot(index="name", columns="scenario", values="error_percent")[names]
print("all within tolerance" if check["ok"] else "outside: " + ", ".join(table[~table["ok"]]["name"]))
errors.loc[errors.abs().max(axis=1).sort_values(ascending=False).index].round(1).head(15)

# %%
SVG(plots.svg(plots.prediction_bars(check["scenarios"][2])))

# %% [markdown]
# ## Event by event
#
# Both systems draw the same random numbers, so the *n*-th event delivered to a client on one system can be compared with
# the *n*-th on the other. `paired` in the cross-check states how many of them agree within 5 %.

# %%
small = api.load_scenario("validation/mixed-4", duration_s=5)
try:
    measured = api.run(small, on="kernel", out=scratch / "kernel")
except RayosError as error:
    print(error)
else:
    predicted = api.run(small, out=scratch / "model")
    display(SVG(plots.svg(plots.event_scatter(measured, predicted, "event_delivery", max_points=1500))))
