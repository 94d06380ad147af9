# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Degradation under load, and failures
#
# A stress test raises the load in steps and measures the effect on latency. A failure test strikes clients and measures
# the recovery. Both run on the model here; `api.system("kernel")` takes its place without other changes.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import SVG

from rayos_model import api
from rayos_model.scenario import files
from rayos_model.harness.failure import FailureInjector
from rayos_model.report import plots
from rayos_model.harness.stress import StressTestHarness

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)
model = api.system("model")

# %% [markdown]
# ## The degradation curve
#
# Computing threads take the CPUs step by step. *Graceful* means no fall beyond noise and no cliff.

# %%
stress = StressTestHarness.for_scenario(files.load("stress-curve")).run(model, scratch / "stress")
print("graceful" if stress.curve.graceful else "NOT graceful", "· knee at level", stress.curve.knee)
SVG(plots.svg(plots.degradation({"model": stress.curve})))

# %% [markdown]
# ## Failures
#
# Clients crash, hang, overrun their buffers and exhaust their limits. Each loss is detected and the client replaced. No
# other client may be affected; that would be a cascade.

# %%
what = files.load("failure-mixed").with_overrides(duration_s=15)
failure = FailureInjector.for_scenario(what).run(model, scratch / "failure")
print("passed" if failure.passed else failure.diagnostics, "·", len(failure.cascades), "cascades")
def milliseconds(after_ns: int | None) -> float:
    return np.nan if after_ns is None else after_ns / 1e6


faults = pd.DataFrame(
    {
        "kind": one.kind.name.lower().replace("_", " "),
        "detected, ms": milliseconds(one.detected_after_ns),
        "recovered, ms": milliseconds(one.recovered_after_ns),
    }
    for one in failure.faults
)
times = faults.groupby("kind").agg(["count", "mean", "max"]).round(1)
times

# %% [markdown]
# A crash is detected immediately. A client that hangs, or no longer reads its events, is detected when a ping goes
# unanswered. Its recovery time is mostly the wait for detection, which `ping_interval_s` and `hang_timeout_s` determine.
# The rest is the respawn.

# %%
means = times.xs("mean", axis=1, level=1).sort_values("recovered, ms")
after = (means["recovered, ms"] - means["detected, ms"]).rename("replaced and on screen again")
parts = pd.concat([means["detected, ms"].rename("until detected"), after], axis=1)
axis = parts.plot.barh(stacked=True, figsize=(6.5, 3), color=plots.COLOURS[:2])
axis.set(xlabel="mean time since the fault struck, ms", ylabel="");
