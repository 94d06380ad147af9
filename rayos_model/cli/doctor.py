"""`rayos doctor`: checks the installation and advises on what is missing."""

from __future__ import annotations

import typer
from rich.table import Table

from rayos_model.cli.terminal import console
from rayos_model.errors import PlatformFailure


def doctor() -> None:
    """Check the installation: QEMU, the kernel's compiler, the usable platforms, and how to get what is missing."""
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
