"""The notebooks run as they stand, and the executed copies beside them show the same code."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbclient
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))
LARGEST_BYTES = 300_000  # what a reader on the web loads without noticing, and a repository keeps without growing


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.timeout(180)
def test_a_notebook_runs_from_start_to_end(source: Path) -> None:
    notebook = jupytext.read(source)
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(source.parent)}}).execute()


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_executed_copy_is_small_and_of_the_same_code(source: Path) -> None:
    copy = source.with_suffix(".ipynb")
    assert copy.exists(), "`make notebooks` executes it"
    assert copy.stat().st_size < LARGEST_BYTES
    cells = [[(cell.cell_type, cell.source) for cell in jupytext.read(path).cells] for path in (source, copy)]
    assert cells[0] == cells[1]
