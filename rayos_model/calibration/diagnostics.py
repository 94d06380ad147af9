"""How well a calibration is known: what its fits leave unexplained, and which parameters its runs cannot tell apart.

Reads what calibration kept (`parameters.json`, `segments.csv`); runs nothing.
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
"""Condition number of the scaled design from which coefficients trade places (Belsley, Kuh and Welsch, 1980)."""


@dataclass(frozen=True, slots=True)
class Identifiability:
    """Which sizes of one pair the calibration runs tell apart.

    `aliased` sizes varied, but only as a linear function of those fitted: their cost is part of theirs. `condition` is
    the condition number of the fitted columns, each scaled to length 1; `closest` are the two columns most alike, and
    `correlation` how alike (cosine). Where costs are looked up by their sizes, the line matters for other sizes only.
    """

    pair: str
    fitted: tuple[str, ...]
    aliased: tuple[str, ...]
    condition: float
    closest: tuple[str, str] | None
    correlation: float
    looked_up: bool

    @property
    def ok(self) -> bool:
        """Whether every size that varied has a coefficient of its own that the data determine."""
        return not self.aliased and self.condition <= CONDITION_LIMIT

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__} | {"ok": self.ok}


def load_segments(folder: Path) -> pd.DataFrame:
    """What a calibration was fitted to: a row for equal segments, `n` of them, with their mean as `cpu_ns`.

    The other columns are those of `calibration.segments.segments`. Raises `BadInput`.
    """
    path = folder / "segments.csv"
    try:
        table = pd.read_csv(path)
        parts = table["pair"].str.extract(r"^(?P<thread>[^.]*)\..*>(?P<label>.*)$")
        return table.assign(kind=parts["thread"] + "." + parts["label"], cpu_ns=table["mean_ns"])
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: cannot read what was fitted: {error}") from None


def identifiability(table: pd.DataFrame, parameters: Parameters) -> Iterator[Identifiability]:
    """For each pair whose sizes vary; `table` is what `load_segments` gives."""
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
    """`table` of `load_segments` with expected_ns and residual_ns (measured less expected, of the mean of equals)."""
    expected = expected_ns(table, parameters)
    return table.assign(expected_ns=expected, residual_ns=table["cpu_ns"] - expected)


def fits(table: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """One row a pair, the most CPU time first: how well its cost is known.

    Columns: pair, observations, share (of all CPU time), mean_ns, bias (mean residual, relative), rms_ns (of residuals,
    equal segments averaged).
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
