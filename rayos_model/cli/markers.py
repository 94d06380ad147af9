"""`rayos markers`: checks marker lines of serial-console logs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.errors import BadInput

markers_app = typer.Typer(
    no_args_is_help=True, help="Check the marker lines (`RAYOS_SOAK:START:…`) of a serial-console log."
)


@markers_app.command("check", epilog="Example: `rayos markers check serial.log`")
def markers_check(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="The log, text; other lines between the markers are allowed.")
    ],
) -> None:
    """Check a log against the marker grammar: count the markers, list malformed ones with their line numbers.

    Exit status: 0 all markers are well-formed and in order · 1 one is malformed or out of order.
    """
    from rayos_model.contract.markers import order_problems, parse

    try:
        text = log.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"{log}: cannot read the log: {error.strerror or error}") from None
    parsed = parse(text)
    for name, count in sorted(Counter(marker.name for marker in parsed.markers).items()):
        print(f"{count:8} {name}")
    for family, count in sorted(Counter(item.family for item in parsed.unknown).items()):
        print(f"{count:8} {family} (unknown family)")
    problems = [*map(str, parsed.malformed), *order_problems(parsed)]
    for problem in problems:
        print(f"{log}: {problem}")
    print(f"{len(parsed.markers)} markers, {len(parsed.unknown)} unknown, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)
