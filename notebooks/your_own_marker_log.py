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
# The same tools read the log of any system that prints the markers: a serial console with other chatter, CR LF line
# ends, colours and all. `rayos markers check LOG` does the first part from the command line.

# %%
from collections import Counter

import pandas as pd

from rayos_model.contract.markers import GRAMMAR, Marker, parse
from rayos_model.verdict.marker_log import judge_lines

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
# Nothing is lost silently: every problem is reported with its line, and families outside the grammar are kept.

# %%
print(*judge_lines(log.splitlines()).problems, *(f"unknown: {item.text}" for item in parsed.unknown), sep="\n")
pd.Series(Counter(marker.name for marker in parsed.markers), name="count").to_frame()

# %% [markdown]
# ## What the log reports for each second
#
# An unreadable snapshot leaves a gap; the seconds after it stay in place.

# %%
snapshot = "RAYOS_SOAK:METRICS_SNAPSHOT"
said = parsed.named(snapshot) + [lost for lost in parsed.malformed if lost.text.startswith(snapshot)]
said.sort(key=lambda item: item.line)
rows = [dict(zip(dict(GRAMMAR[snapshot]), item.values)) if isinstance(item, Marker) else {} for item in said]
seconds = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="second"))
seconds

# %%
drawn = seconds.assign(latency_ms=seconds["latency_us"] / 1000)[["fps", "latency_ms"]]
axes = drawn.plot(subplots=True, figsize=(6, 3.6), marker="o", grid=True, legend=False, xticks=seconds.index)
axes[0].set(ylabel="frames a second", ylim=(0, 66))
axes[1].set(ylabel="latency, ms", xlabel="time, s", ylim=(0, 38));
