"""Each fault of the campaign once; `make faults` strikes with each many times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.__main__ import FAULTS, Place

ONCE = ("qemu-killed", "model-sigint", "model-sigterm", "kernel-sigkill", "file-too-large", "no-place", "outputs-raced")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place.made(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("name", ONCE)
def test_a_fault_loses_nothing(place: Place, name: str) -> None:
    FAULTS[name](place, random.Random(3))


def test_the_campaign_notices_a_changed_run(tmp_path: Path) -> None:
    place = Place.made(tmp_path)
    (tmp_path / "good-model" / "markers.log").write_text("")
    with pytest.raises(AssertionError, match="files have changed"):
        FAULTS["no-place"](place, random.Random(3))
