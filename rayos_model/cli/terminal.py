"""How commands print: one console, one form of JSON."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from rich.console import Console


def console() -> Console:
    """The console on standard output; 120 columns wide where that is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document; what could not be predicted or measured, NaN or infinite, becomes null."""
    print(json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
