"""A short round of fuzzing, always the same; `make fuzz` goes on for a million executions of each reader."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import execute
from tests.fuzz.readers import READERS

EXECUTIONS = {"calibration": 150, "disk": 60, "trace": 150, "history": 60}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_one_line_or_harmless(name: str) -> None:
    accepted, failures = execute(name, 2, range(EXECUTIONS.get(name, 400)))
    assert not failures, failures[0][1]
    assert accepted > 0, "the seeds themselves are good"
