"""`rayos demo`: predicts a scenario, measures it on the kernel, compares."""

from __future__ import annotations

import typer

from rayos_model import backends
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console
from rayos_model.run.system import execute
from rayos_model.scenario import files


def demo() -> None:
    """Show the whole loop on a small scenario: predict it on the model, measure it on the kernel, compare.

    Takes less than a minute, needs QEMU, and leaves two runs and an HTML report below `runs/`.
    """
    from rayos_model.calibration import load_calibration
    from rayos_model.comparison.agreement import CrossCheck
    from rayos_model.comparison.crosscheck import check_runs
    from rayos_model.report.html import runs_page, write_page
    from rayos_model.report.tables import crosscheck as crosscheck_table
    from rayos_model.report.tables import verdicts

    what = files.load("demo")
    screen = console()
    screen.print(f"{what.name}: {what.description}")
    runs = []
    steps: tuple[tuple[str, backends.SystemName], ...] = (
        ("Predicting with the model", "model"),
        ("Measuring on the kernel in QEMU", "kernel"),
    )
    for step, name in steps:
        screen.print(f"{step} …")
        with showing() as progress:
            runs.append(execute(backends.system(name, "icount"), what, progress=progress(f"demo on {name}")))
    predicted, measured = runs
    agreement = check_runs(measured, predicted, load_calibration("icount").provenance.get("kernel_sha256"))
    check = CrossCheck(measured.platform, (agreement,)).to_dict()
    screen.print(crosscheck_table(check["scenarios"][0]))
    for notice in agreement.notices:
        screen.print(f"note: {notice}")
    for one in runs:
        screen.print(verdicts(one))
    page = measured.path.with_suffix(".html")
    write_page(page, runs_page(runs, check=check))
    passed = all(run.passed for run in runs)
    screen.print(f"\n{'Every criterion holds on both systems.' if passed else 'A criterion FAILED; see the report.'}")
    screen.print(f"Report: {page}\nRuns:   {runs[0].path}\n        {runs[1].path}", soft_wrap=True)
    screen.print("Next:   rayos scenarios, then rayos run soak-4 --on kernel --duration 60")
    raise typer.Exit(0 if passed and agreement.ok else 1)
