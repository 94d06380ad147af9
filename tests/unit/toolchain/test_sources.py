"""Hashes of the package's sources: no edit that can change a result leaves stored points or builds valid."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import rayos_model
from rayos_model.experiments.task import Task
from rayos_model.model import simulate
from rayos_model.toolchain import sources
from rayos_model.toolchain.sources import SIMULATION, modules, sources_sha256
from tests.support.small import small_scenario

WITHOUT_EFFECT = {"errors", "toolchain"}
"""Packages that the simulation imports and that change no metric: exceptions, and how files are written."""


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, whose sources are hashed in place of those of the package."""
    folder = tmp_path / "rayos_model"
    shutil.copytree(sources.PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "scenarios", "templates"))
    monkeypatch.setattr(sources, "PACKAGE", folder)
    sources_sha256.cache_clear()
    yield folder
    sources_sha256.cache_clear()


def key_of_a_point() -> str:
    sources_sha256.cache_clear()
    return Task.of(small_scenario(), "{}").key


@pytest.mark.parametrize("package", SIMULATION)
def test_an_edit_of_any_file_of_the_simulation_changes_the_key_of_a_point(copy: Path, package: str) -> None:
    before, files = key_of_a_point(), sorted((copy / package).rglob("*.py"))
    assert files
    for file in files:
        text = file.read_text()
        file.write_text(text + "# edited\n")
        assert key_of_a_point() != before, file
        file.write_text(text)
    assert key_of_a_point() == before


def test_a_new_a_lost_and_a_renamed_file_change_the_key_too(copy: Path) -> None:
    before, file = key_of_a_point(), copy / "costs" / "cache_state.py"
    renamed = file.rename(file.with_name("cache.py"))
    assert key_of_a_point() != before
    renamed.unlink()
    lost = key_of_a_point()
    (copy / "costs" / "new.py").touch()
    assert len({before, lost, key_of_a_point()}) == 3


def test_an_edit_above_the_simulation_leaves_the_key_alone(copy: Path) -> None:
    before = key_of_a_point()
    for name in ("report/html.py", "cli/app.py", "experiments/plan.py", "hardware/session.py"):
        (copy / name).write_text("# edited\n")
    assert key_of_a_point() == before


def imported_by(module: str) -> set[str]:
    """The modules of the package that a module imports, anywhere in its text."""
    path = sources.PACKAGE.parent.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = {f"{node.module}.{alias.name}" for node in found for alias in node.names} | {str(n.module) for n in found}
    return {name for name in names if name.startswith("rayos_model.") and exists(name)}


def exists(module: str) -> bool:
    """Whether a dotted name is a module or a package."""
    path = sources.PACKAGE.parent.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def reached(start: set[str]) -> set[str]:
    """These modules and all that they import, directly or through others."""
    waiting, found = list(start), set[str]()
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += imported_by(module)
    return found


def test_every_package_that_a_simulation_runs_is_part_of_the_hash() -> None:
    names = simulate.__code__.co_names
    used = {simulate.__globals__[name].__module__ for name in names if name in simulate.__globals__}
    assert {"rayos_model.model.machine", "rayos_model.metrics.collector", "rayos_model.scenario.compile"} <= used
    assert {module.split(".")[1] for module in reached(used)} - WITHOUT_EFFECT == set(SIMULATION)


def test_the_modules_of_a_package_are_those_on_the_disk() -> None:
    package = Path(rayos_model.__file__).parent
    assert package / "costs" / "cache_state.py" in modules(("costs",))
    assert modules(SIMULATION) == sorted(modules(SIMULATION))
