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
# A stress test raises the load in steps and watches what that does to latency; a failure test strikes clients and
# times the recovery. Both run here on the model; `api.system("kernel")` takes its place unchanged.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import SVG

from rayos_model import api, scenario
from rayos_model.failure import FailureInjector
from rayos_model.report import plots
from rayos_model.stress import StressTestHarness

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)
model = api.system("model")

# %% [markdown]
# ## The degradation curve
#
# Computing threads take the processors step by step. Graceful means no fall beyond noise and no cliff.

# %%
stress = StressTestHarness.for_scenario(scenario.load("stress-curve")).run(model, scratch / "stress")
print("graceful" if stress.curve.graceful else "NOT graceful", "· knee at level", stress.curve.knee)
SVG(plots.svg(plots.degradation({"model": stress.curve})))

# %% [markdown]
# ## Failures
#
# Clients crash, hang, overrun their buffers, exhaust their limits. Each loss is noticed and replaced; nobody else may
# notice it (a cascade).

# %%
what = scenario.load("failure-mixed").with_overrides(duration_s=15)
failure = FailureInjector.for_scenario(what).run(model, scratch / "failure")
print("passed" if failure.passed else failure.diagnostics, "·", len(failure.cascades), "cascades")
faults = pd.DataFrame([{"kind": f.kind, "recovery_ms": (f.recovered_after_ns or 0) / 1e6} for f in failure.faults])
faults.groupby("kind")["recovery_ms"].agg(["count", "mean", "max"]).round(1)
