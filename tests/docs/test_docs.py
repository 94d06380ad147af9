"""The documentation builds as a site, its generated pages are those of the code, and what it names exists."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
CODE = [
    path
    for folder, suffixes in (("rayos_model", (".py",)), ("kernel", (".c", ".h", ".S")), ("tests", (".py",)))
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in suffixes
]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "reference" / "python-api" / "index.html").read_text(encoding="utf-8")
    assert "SoakTestHarness" in reference and "commit_to_present" in reference


def test_the_generated_pages_are_those_of_the_code() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def imports(page: Path) -> Iterator[tuple[str, str]]:
    """Module and name of every import from this package in the Python examples of a page."""
    for block in re.findall(r"^ *```python\n(.*?)^ *```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        indent = len(block) - len(block.lstrip(" "))
        source = "\n".join(line[indent:] for line in block.splitlines())
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rayos_model"):
                yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_import_what_exists(page: Path) -> None:
    for module, name in imports(page):
        found = importlib.import_module(module)
        assert hasattr(found, name) or importlib.import_module(f"{module}.{name}"), f"{module}.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_a_page_names_exist(page: Path) -> None:
    """Paths from the root in code style, and test modules by their bare name; not what an installation makes."""
    named = re.findall(r"`((?:rayos_model|kernel|tests|docs|notebooks|benchmarks)/[\w./-]+)`", page.read_text("utf-8"))
    missing = [path for path in named if not (ROOT / path).exists() and not path.startswith("rayos_model/_")]
    tests = re.findall(r"`(test_\w+\.py)`", page.read_text("utf-8"))
    missing += [name for name in tests if not any((ROOT / "tests").rglob(name))]
    assert not missing


def test_pages_that_the_code_names_exist() -> None:
    pages = [(path, page) for path in CODE for page in re.findall(r"docs/[\w/-]+\.md", path.read_text("utf-8"))]
    missing = [f"{path.relative_to(ROOT)}: {page}" for path, page in pages if not (ROOT / page).exists()]
    assert not missing, "\n".join(missing)
