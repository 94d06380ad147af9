"""`rayos crosscheck`: the same scenarios on both systems, compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model import backends
from rayos_model.cli.options import DEFAULT_HISTORY, DurationOption, HistoryOption, JsonOption, PlatformOption
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.scenario import files


def crosscheck(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Shipped names or paths of TOML files.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All shipped validation scenarios.")] = False,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Compare with the kernel runs kept in calibration/; needs no QEMU.")
    ] = False,
    repeat: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default="1; 5 on several processors, or where the platform has noise",
            help="Run both systems N times (1, 3 or more), each time with the next seed; compare the means.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    history: HistoryOption = DEFAULT_HISTORY,
    as_json: JsonOption = False,
) -> None:
    """Run scenarios on both systems and compare: does the model predict the kernel within tolerance?

    Without QEMU the recorded kernel runs take the kernel's place, and a notice says so. Where one run is as good as
    another (several processors, `tcg`) both systems run several times, and a prediction is to be within tolerance of
    the kernel's mean or within the 95 % interval of its runs. On `tcg` and `kvm` short runs in between tell the host's
    pace, which predictions are made for.
    """
    if repeat == 2 or (recorded and (repeat or 1) > 1):
        raise BadInput("--repeat: expected 1, or 3 and more, runs of the kernel, not recorded ones")
    chosen = [*(names or []), *(f"validation/{name}" for name in files.shipped("validation") if every)]
    if not chosen:
        raise BadInput("no scenario named: give names or paths, or --all for the shipped validation scenarios")
    what = [files.load(name).with_overrides(duration_s=duration) for name in chosen]
    from rayos_model.calibration import load_calibration, load_recorded
    from rayos_model.comparison.crosscheck import crosscheck as compare
    from rayos_model.comparison.history import append

    calibrated = load_calibration(platform).provenance.get("kernel_sha256")
    if not recorded and not _has_qemu():
        recorded = True
        print("rayos: QEMU is not installed; comparing with recorded kernel runs (see rayos doctor)", file=sys.stderr)
    kernel = (lambda one: load_recorded(one, platform)) if recorded else backends.system("kernel", platform)
    host = None if recorded else backends.host(platform)
    with showing() as progress:
        result = compare(what, backends.system("model", platform), kernel, platform, calibrated, progress, repeat, host)
    append(result, history)
    if as_json:
        print_json(result.to_dict())
    else:
        from rayos_model.report.tables import crosscheck as table

        screen = console()
        for check in result.to_dict()["scenarios"]:
            screen.print(table(check))
        for notice in dict.fromkeys(notice for check in result.scenarios for notice in check.notices):
            screen.print(f"[bold]note:[/] {notice}")
    if html is not None:
        from rayos_model.report.html import crosscheck_page, write_page

        write_page(html, crosscheck_page(result.to_dict()))
    raise typer.Exit(0 if result.ok else 1)


def _has_qemu() -> bool:
    from rayos_model.hardware.failures import QemuMissing
    from rayos_model.hardware.qemu import find_qemu

    try:
        find_qemu()
    except QemuMissing:
        return False
    return True
