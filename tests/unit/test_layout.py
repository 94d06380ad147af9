"""The layout of the sources: test modules stand alone, and no file is long without saying why."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.paths import KERNEL, KERNEL_HOST, ROOT

LONGEST = 450
PYTHON = sorted(path for folder in ("rayos_model", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
C = sorted(path for folder in (KERNEL, KERNEL_HOST) for path in folder.rglob("*") if path.suffix in (".c", ".h", ".S"))


@pytest.mark.parametrize("module", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_no_test_module_imports_another(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            assert not any(name.startswith("test_") for name in names), f"{module}: imports {node.module}"


@pytest.mark.parametrize("path", [*PYTHON, *C], ids=lambda path: path.name)
def test_a_long_file_says_why_at_its_top(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST or any("over 450 lines, because" in line.lower() for line in lines[:12])
