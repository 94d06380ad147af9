"""`rayos markers`: checks marker lines of serial-console logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

markers_app = typer.Typer(no_args_is_help=True, help="The marker lines of serial-console logs.")


@markers_app.command("check", epilog="Example: `rayos markers check serial.log --require SOAK`")
def markers_check(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A serial-console log, UTF-8 text.")],
    expect: Annotated[
        Literal["pass", "fail"], typer.Option(help="What the tests in the log must say; with fail, one of them.")
    ] = "pass",
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="FAMILY", help="Require markers of this family (SOAK, STRESS, …); may be repeated."),
    ] = None,
) -> None:
    """Check a log as a gate: every test in it must have ended, and passed, with nothing malformed or out of order.

    A problem is printed with its line: a malformed marker, one glued to other text, one out of order, a panic in any
    wording, a client that was never destroyed, a second run in the same file, a file that is no text.

    Exit status 0 without problems, 1 with any, 2 when the log cannot be read.
    """
    from rayos_model.verdict.marker_log import judge_file

    judged = judge_file(log)
    problems = judged.against(expect, require or ())
    for name, count in sorted(judged.markers.items()):
        print(f"{count:8} {name}")
    for family, count in sorted(judged.unknown.items()):
        print(f"{count:8} {family} (unknown family)")
    for problem in problems:
        print(f"{log}: {problem}")
    print(f"{judged.markers.total()} markers, {judged.unknown.total()} unknown, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)
