"""Results of finished points, one file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rayos_model.metrics.metrics import Value
from rayos_model.toolchain.atomic import new_file

Values = dict[str, Value]
"""Metric → value, of one point."""


class PointStore:
    """A folder with one small file a point, each written aside and renamed: what is there is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Values | None:
        """A point's metrics; None where it was not computed (or its file is damaged)."""
        try:
            data = json.loads((self.folder / f"{key}.json").read_text("utf-8"))
            return {name: Value(**value) for name, value in data.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Keep a point's result. Raises `StorageFailure`."""
        with new_file(self.folder / f"{key}.json", "a point") as file:
            file.write_text(text, "utf-8")


def table_of(values: Values) -> list[dict[str, Any]]:
    """One row a metric: metric, value, unit, low, high, in order of name."""
    return [
        {"metric": name, "value": value.value, "unit": value.unit, "low": value.low, "high": value.high}
        for name, value in sorted(values.items())
    ]
