# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first look
#
# This notebook runs the demo scenario on the model, then compares a prediction with a recorded run of the real kernel.
# No QEMU is needed. The [tutorial](../docs/tutorial.md) does the same from the command line.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import SVG, display

from rayos_model.scenario import files
from rayos_model.contract.abi import TraceKind
from rayos_model.calibration import load_calibration, load_recorded
from rayos_model.verdict.verdict import evaluate
from rayos_model.comparison.agreement import compare
from rayos_model.errors import BadInput
from rayos_model.model import ModelSystem
from rayos_model.report import plots
from rayos_model.run.run import Run
from rayos_model.run.system import execute

folder = tempfile.TemporaryDirectory(prefix="rayos-notebook-")  # gone when the notebook's kernel ends
scratch = Path(folder.name)
model = ModelSystem(load_calibration("icount"))

# %% [markdown]
# ## The demo on the model

# %%
demo = execute(model, files.load("demo"), scratch / "demo")
print(demo.scenario.description, "Passed." if demo.passed else "FAILED.")
pd.DataFrame([verdict.to_dict() for verdict in demo.verdicts]).set_index("metric")

# %%
SVG(plots.svg(plots.timeline([demo])))

# %% [markdown]
# The trace is available as a data frame. Here: the commit-to-present of each client, in milliseconds.

# %%
trace = pd.DataFrame(demo.trace(TraceKind.M_COMMIT_TO_PRESENT))
latencies = trace.groupby("subject")["arg"].describe(percentiles=[0.5, 0.95, 0.99]).rename_axis("client")
(latencies.drop(columns="count") / 1e6).round(2)

# %% [markdown]
# ## Prediction against measurement
#
# `mixed-4` is a validation scenario: calibration never uses it. The kernel's run of it is kept below `calibration/`.

# %%
mixed = files.load("validation/mixed-4")
predicted = execute(model, mixed, scratch / "mixed")
try:
    recorded = load_recorded(mixed, "icount")
except BadInput as error:
    measured = None
    print(error)
else:
    verdicts = tuple(evaluate(mixed, recorded.metrics))
    measured = Run(recorded.path, mixed, recorded.provenance, recorded.metrics, verdicts)

# %%
if measured:
    checks = [check.to_dict() for check in compare(measured.metrics, predicted.metrics)]
    table = pd.DataFrame(checks).set_index("name")
    display(table.style.format(precision=3))
    check = {"scenario": mixed.name, "metrics": checks}
    display(SVG(plots.svg(plots.prediction_bars(check))))

# %%
if measured:
    display(SVG(plots.svg(plots.latency_cdf([measured, predicted], "commit_to_present"))))
