"""The floors of the package: each imports only what stands below it, and nothing imports in a circle."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import rayos_model

PACKAGE = Path(rayos_model.__file__).parent
FLOORS = [
    {"errors"},
    {"contract"},
    {"toolchain"},
    {"scenario"},
    {"trace"},
    {"metrics", "costs"},
    {"verdict"},
    {"run"},
    {"model", "hardware", "calibration", "analysis"},
    {"comparison"},
    {"backends"},
    {"experiments"},
    {"harness", "report"},
    {"api"},
    {"cli"},
    {"__main__"},
]
"""From the ground up. Those on one floor do not know each other."""


def imports() -> dict[str, set[str]]:
    """Module → modules of the package that it imports anywhere, also inside functions and for type checking."""
    paths = {path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")}
    modules = {".".join(path.parts).removesuffix(".__init__"): path for path in paths}
    found = {}
    for module, path in modules.items():
        names = set()
        for node in ast.walk(ast.parse((PACKAGE.parent / path).with_suffix(".py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= members if members <= set(modules) else members | {node.module}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        found[module] = names & set(modules) - {module, "rayos_model"}
    return found


def floor_of(module: str) -> str:
    return module.split(".")[1]


def test_a_package_imports_only_what_stands_below_it() -> None:
    height = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    wrong = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if module != "rayos_model"
        and floor_of(module) != floor_of(other)
        and height[floor_of(module)] <= height[floor_of(other)]
    ]
    assert not sorted(wrong)


def test_nothing_imports_in_a_circle() -> None:
    try:
        list(TopologicalSorter(imports()).static_order())
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None
