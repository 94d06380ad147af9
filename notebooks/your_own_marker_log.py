# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own marker log
#
# Any system that prints the markers can be looked at with the same tools: a serial console full of other chatter, CR LF
# line ends, colours and all. `rayos markers check LOG` does the first part from the command line.

# %%
from collections import Counter

import pandas as pd

from rayos_model.markers import order_problems, parse

log = """\
[    0.000000] booting\r
\x1b[32mRAYOS_BOOT\x1b[0m:2.4.1\r
RAYOS_SOAK:START:2:4\r
RAYOS_SOAK:CLIENT_CREATED:0 usb 1-1: new device RAYOS_SOAK:CLIENT_CREATED:1\r
[RAYOS_SURFACE:COMMIT] surface_id=3 buffer_id=7\r
RAYOS_SOAK:METRICS_SNAPSHOT:12:24100:16500:60\r
RAYOS_SOAK:METRICS_SNAPSHOT:14:24140:17100:60\r
RAYOS_SOAK:METRICS_SNAPSHOT:13:24140:sixteen:60\r
RAYOS_SOAK:METRICS_SNAPSHOT:55:24180:33900:41\r
RAYOS_SOAK:CLIENT_DESTROYED:1\r
RAYOS_SOAK:COMPLETE:fail\r
"""
parsed = parse(log)

# %% [markdown]
# Nothing is lost silently: what is malformed is named with its line, families outside the grammar are kept.

# %%
print(*parsed.malformed, *order_problems(parsed), *(f"unknown: {item.text}" for item in parsed.unknown), sep="\n")
pd.Series(Counter(marker.name for marker in parsed.markers), name="count").to_frame()

# %% [markdown]
# ## What it says of each second

# %%
rows = [marker.values for marker in parsed.named("RAYOS_SOAK:METRICS_SNAPSHOT")]
seconds = pd.DataFrame(rows, columns=["cpu_percent", "memory_kb", "latency_us", "fps"])
seconds

# %%
axes = seconds[["fps", "latency_us"]].plot(subplots=True, figsize=(6, 3), marker="o", grid=True, legend=False)
axes[0].set(ylabel="frames a second", ylim=(0, 65))
axes[1].set(ylabel="latency p99, µs", xlabel="snapshot", ylim=(0, None));
