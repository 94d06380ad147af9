"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A shipped name, or the path of a TOML file.")
]
PlatformOption = Annotated[
    str, typer.Option(metavar="P", help="How the kernel is executed, or whose calibration the model uses.")
]
DurationOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Run this long instead of the scenario's duration.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
SeedOption = Annotated[int | None, typer.Option(metavar="N", help="Another seed for all random draws.")]
JobsOption = Annotated[int | None, typer.Option(metavar="N", help="Processes; default: one a core.")]
DaskOption = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster: tcp://host:8786.")]
DEFAULT_HISTORY: Final = Path("runs", "history.parquet")
HistoryOption = Annotated[Path, typer.Option(metavar="DIR", help="Where the results of all cross-checks are kept.")]
