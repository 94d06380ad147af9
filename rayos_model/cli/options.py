"""Arguments and options that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rayos_model.toolchain.atomic import check_writable

SCENARIO_HELP: Final = "A shipped scenario by name (`rayos scenarios` lists them), or the path of a TOML file."
HTML_HELP: Final = "Also write a self-contained HTML page here."

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help=SCENARIO_HELP)]


def writable(target: Path | None) -> Path | None:
    """Callback of an option that names a file to write: refuses it before the work, not after."""
    if target is not None:
        check_writable(target, "the result")
    return target


HtmlOption = Annotated[Path | None, typer.Option(metavar="FILE", help=HTML_HELP, callback=writable)]
PlatformOption = Annotated[
    str,
    typer.Option(
        metavar="PLATFORM",
        help="How QEMU executes the kernel, and whose calibration the model uses: icount (deterministic), tcg "
        "(emulation in real time) or kvm (the host's CPU).",
    ),
]
DurationOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Virtual seconds to run; default: the duration the scenario gives."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
SeedOption = Annotated[
    int | None, typer.Option(metavar="N", help="Seed of all random draws; default: the seed the scenario gives.")
]
JobsOption = Annotated[int | None, typer.Option(metavar="N", help="Worker processes; default: one per CPU core.")]
DaskOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster instead, given its scheduler: tcp://host:8786."),
]
DEFAULT_HISTORY: Final = Path("runs", "history.parquet")
HistoryOption = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder that collects the results of all cross-checks, for `rayos history`.")
]
