"""The store of finished points: a folder with one file per point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rayos_model.contract import strict
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import VALUES_FORM, Value
from rayos_model.toolchain.atomic import written_aside

Values = dict[str, Value]
"""Metric → value, of one point."""


class PointStore:
    """A folder with one small JSON file per point; files are written atomically, so a file that exists is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Values | None:
        """The metrics of a point; None when it is not stored or its file is damaged."""
        try:
            return strict.read(self.folder / f"{key}.json", VALUES_FORM) or None
        except BadInput:
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a point's result. Raises `StorageFailure`."""
        with written_aside(self.folder / f"{key}.json", "a finished point") as aside:
            aside.write_text(text, "utf-8")


def table_of(values: Values) -> list[dict[str, Any]]:
    """One row per metric, in order of name: metric, value, unit, low, high."""
    return [
        {"metric": name, "value": value.value, "unit": value.unit, "low": value.low, "high": value.high}
        for name, value in sorted(values.items())
    ]
