"""`rayos crosscheck`: runs scenarios on both systems and compares model with kernel."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rayos_model import backends
from rayos_model.cli.options import (
    DEFAULT_HISTORY,
    DurationOption,
    HistoryOption,
    HtmlOption,
    JsonOption,
    PlatformOption,
)
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.scenario import files


def crosscheck(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO", help="Shipped scenarios by name, or paths of TOML files."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Check all shipped validation scenarios.")] = False,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded", help="Compare with the kernel runs kept in calibration/ instead of new ones; needs no QEMU."
        ),
    ] = False,
    repeat: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default="1; 5 with several CPUs or on a noisy platform",
            help="Run both systems N times (1, or 3 and more), each with the next seed, and compare the means.",
        ),
    ] = None,
    html: HtmlOption = None,
    history: HistoryOption = DEFAULT_HISTORY,
    as_json: JsonOption = False,
) -> None:
    """Check that the model predicts the kernel: run scenarios on both, compare every metric with its tolerance.

    Where runs differ by chance (several CPUs, or `tcg`), both systems run several times; a prediction then passes
    within tolerance of the kernel's mean, or within the 95 % interval of its runs. On `tcg` and `kvm` short probe runs
    measure the speed of the host, and predictions are scaled to it. Without QEMU the recorded kernel runs are used, and
    a note says so.

    Exit status: 0 every prediction passed · 1 one failed.
    """
    if repeat == 2 or (recorded and (repeat or 1) > 1):
        raise BadInput("--repeat: expected 1, or 3 and more, and no --recorded (recorded runs exist once)")
    chosen = [*(names or []), *(f"validation/{name}" for name in files.shipped("validation") if every)]
    if not chosen:
        raise BadInput("no scenario given: name one or more, or use --all for the shipped validation scenarios")
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
            screen.print(f"note: {notice}")
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
