"""`rayos scenarios`: lists and prints the shipped scenarios; prints the schema of scenario files."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import typer
from rich.table import Table

from rayos_model.cli.options import ScenarioArgument
from rayos_model.cli.terminal import console, print_json
from rayos_model.scenario import files

scenarios_app = typer.Typer(help="List or print the shipped scenarios; print the JSON Schema of scenario files.")


@scenarios_app.callback(invoke_without_command=True)
def _scenarios(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        scenarios_list()


@scenarios_app.command("list")
def scenarios_list() -> None:
    """List the shipped scenarios: name, number of clients, duration and description."""
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    table.add_column("clients", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("description")
    for category in ("", "calibration", "validation"):
        for name in files.shipped(category):
            one = files.load_shipped(name)
            shown = f"{category}/{name}" if category else name
            table.add_row(shown, str(one.client_count), f"{one.duration_s:g}", one.description)
    console().print(table)


@scenarios_app.command("show", epilog="Example: `rayos scenarios show soak-16 > mine.toml`")
def scenarios_show(name: ScenarioArgument) -> None:
    """Print the TOML of a scenario, as a start for your own."""
    files.load(name)
    path = Path(name)
    if path.suffix == ".toml":
        print(path.read_text(encoding="utf-8"), end="")
        return
    root = resources.files("rayos_model").joinpath("scenarios")
    folders = (root, root.joinpath("calibration"), root.joinpath("validation"))
    candidates = (folder.joinpath(f"{name.rpartition('/')[2]}.toml") for folder in folders)
    print(next(file for file in candidates if file.is_file()).read_text(encoding="utf-8"), end="")


@scenarios_app.command("schema", epilog="Example: `rayos scenarios schema > scenario.schema.json`")
def scenarios_schema() -> None:
    """Print the JSON Schema of scenario files, with which an editor can complete and check them."""
    print_json(files.json_schema())
