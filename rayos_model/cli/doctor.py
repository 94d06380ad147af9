"""`rayos doctor`: what is installed, and what to do about the rest."""

from __future__ import annotations

import typer
from rich.table import Table

from rayos_model.cli.terminal import console
from rayos_model.errors import PlatformFailure


def doctor() -> None:
    """Say what is installed, which platforms are usable and what to do about the rest."""
    from rayos_model.hardware import doctor as look

    table = Table(box=None)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading)
    checks = look()
    for check in checks:
        state = "ok" if check.ok else ("MISSING" if check.required else "–")
        table.add_row(state, check.name, check.detail, check.advice)
    console().print(table)
    if not all(check.ok for check in checks if check.required):
        raise typer.Exit(PlatformFailure.exit_code)
