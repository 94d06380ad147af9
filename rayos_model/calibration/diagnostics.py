"""Diagnostics of a calibration: residuals of its fits, and parameters that its runs cannot identify.

Reads the stored `parameters.json` and `segments.csv`; runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from rayos_model.calibration.expected import expected_ns
from rayos_model.calibration.fit import design, size_columns
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput

CONDITION_LIMIT: Final = 30.0
"""Condition number of the scaled design above which coefficients are collinear (Belsley, Kuh and Welsch, 1980)."""


@dataclass(frozen=True, slots=True)
class Identifiability:
    """Which size coefficients of one pair the calibration runs identify."""

    pair: str
    fitted: tuple[str, ...]
    """Sizes with a coefficient."""
    aliased: tuple[str, ...]
    """Sizes that varied, but only as a linear function of fitted ones: their cost is part of those coefficients."""
    condition: float
    """Condition number of the fitted columns, each scaled to length 1."""
    closest: tuple[str, str] | None
    """The two columns with the highest correlation; None without a fitted size."""
    correlation: float
    """Cosine of the angle between these two columns."""
    looked_up: bool
    """Whether costs are looked up by sizes; the coefficients then matter only for sizes never observed."""

    @property
    def ok(self) -> bool:
        """Whether every size that varied has its own, well-determined coefficient."""
        return not self.aliased and self.condition <= CONDITION_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__} | {"ok": self.ok}


def load_segments(folder: Path) -> pd.DataFrame:
    """The segments that a calibration was fitted to: one row per `n` equal segments, with their mean as `cpu_ns`.

    The other columns are those of `trace.segments.segments`. Raises `BadInput` when the file cannot be read.
    """
    path = folder / "segments.csv"
    try:
        table = pd.read_csv(path)
        parts = table["pair"].str.extract(r"^(?P<thread>[^.]*)\..*>(?P<label>.*)$")
        return table.assign(kind=parts["thread"] + "." + parts["label"], cpu_ns=table["mean_ns"])
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: cannot read the segments of the calibration: {error}") from None


def identifiability(table: pd.DataFrame, parameters: Parameters) -> Iterator[Identifiability]:
    """Identifiability of each pair whose sizes vary; `table` is the result of `load_segments`."""
    for pair, group in table.groupby("pair", sort=True):
        sizes = group.drop(columns=["n", "mean_ns", "min_ns", "max_ns"])
        names, x = design(sizes)
        varied = [name for name in size_columns(sizes) if np.ptp(sizes[name].fillna(0.0)) > 0]
        if not varied:
            continue
        weighted = x * np.sqrt(group["n"].to_numpy(np.float64))[:, None]
        scaled = weighted / np.linalg.norm(weighted, axis=0)
        alike = np.abs(np.triu(scaled.T @ scaled, 1))
        row, column = np.unravel_index(int(alike.argmax()), alike.shape)
        columns = ("fixed", *names)
        yield Identifiability(
            pair=str(pair),
            fitted=tuple(names),
            aliased=tuple(name for name in varied if name not in names),
            condition=float(np.linalg.cond(scaled)),
            closest=(columns[row], columns[column]) if names else None,
            correlation=float(alike[row, column]),
            looked_up=bool(parameters.segments[str(pair)].by_sizes_ns),
        )


def residuals(table: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """`table` (of `load_segments`) with columns expected_ns and residual_ns: mean measured minus expected CPU time."""
    expected = expected_ns(table, parameters)
    return table.assign(expected_ns=expected, residual_ns=table["cpu_ns"] - expected)


def fits(table: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Quality of fit, one row per pair, the largest share of CPU time first.

    Columns: pair, observations, share (of all CPU time), mean_ns, bias (relative mean residual), rms_ns (root mean
    square of the residuals of `n` equal segments' means).
    """
    rows = residuals(table, parameters)
    n = rows["n"]
    sums = pd.DataFrame(
        {
            "pair": rows["pair"],
            "observations": n,
            "total": n * rows["cpu_ns"],
            "residual": n * rows["residual_ns"],
            "square": n * rows["residual_ns"] ** 2,
        }
    ).groupby("pair", as_index=False)
    table = sums.sum().sort_values("total", ascending=False, ignore_index=True)
    return pd.DataFrame(
        {
            "pair": table["pair"],
            "observations": table["observations"],
            "share": table["total"] / table["total"].sum(),
            "mean_ns": table["total"] / table["observations"],
            "bias": table["residual"] / table["total"],
            "rms_ns": np.sqrt(table["square"] / table["observations"]),
        }
    )
