"""`rayos scenarios`: the shipped scenarios, and the schema of a scenario file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import typer
from rich.table import Table

from rayos_model.cli.options import ScenarioArgument
from rayos_model.cli.terminal import console, print_json
from rayos_model.scenario import files

scenarios_app = typer.Typer(help="The scenarios that come with the package, and the schema for your own.")


@scenarios_app.callback(invoke_without_command=True)
def _scenarios(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        scenarios_list()


@scenarios_app.command("list")
def scenarios_list() -> None:
    """List the shipped scenarios."""
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    table.add_column("clients", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("what it tests")
    for category in ("", "calibration", "validation"):
        for name in files.shipped(category):
            one = files.load_shipped(name)
            shown = f"{category}/{name}" if category else name
            table.add_row(shown, str(one.client_count), f"{one.duration_s:g}", one.description)
    console().print(table)


@scenarios_app.command("show")
def scenarios_show(name: ScenarioArgument) -> None:
    """Print a scenario's TOML: a start for one of your own."""
    files.load(name)
    path = Path(name)
    if path.suffix == ".toml":
        print(path.read_text(encoding="utf-8"), end="")
        return
    root = resources.files("rayos_model").joinpath("scenarios")
    folders = (root, root.joinpath("calibration"), root.joinpath("validation"))
    candidates = (folder.joinpath(f"{name.rpartition('/')[2]}.toml") for folder in folders)
    print(next(file for file in candidates if file.is_file()).read_text(encoding="utf-8"), end="")


@scenarios_app.command("schema")
def scenarios_schema() -> None:
    """Print the JSON Schema of scenario files, for your editor."""
    print_json(files.json_schema())
