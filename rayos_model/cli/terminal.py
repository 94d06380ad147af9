"""Output of subcommands: the console for text and tables, and JSON documents."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from rich.console import Console


def console() -> Console:
    """The console on standard output; 120 columns wide when that is not a terminal.

    It shows brackets as they are: names and paths of foreign files are no markup.
    """
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)


def print_json(document: dict[str, Any]) -> None:
    """Prints one JSON document; NaN and infinity, which mark values that are not known, become null."""
    print(json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
