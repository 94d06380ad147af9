"""Writes TOML, as much of it as scenarios need: the inverse of `tomllib` for plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def dumps(data: Mapping[str, Any]) -> str:
    """Plain data (strings, numbers, booleans, lists, mappings) as TOML; entries that are None are left out.

    A list of mappings becomes an array of tables; a mapping at the top a table; one further inside an inline table.
    """
    plain = {key: value for key, value in data.items() if value is not None and not _is_table(value)}
    parts = ["".join(f"{_key(key)} = {_value(value)}\n" for key, value in plain.items())]
    for key, value in data.items():
        if isinstance(value, Mapping):
            parts.append(_table(f"[{_key(key)}]", value))
        elif value and _is_table(value):
            parts += [_table(f"[[{_key(key)}]]", entry) for entry in value]
    return "\n".join(parts)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value)
    )


def _table(heading: str, entries: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in entries.items() if value is not None]
    return heading + "\n" + "".join(lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value)  # a JSON string is a TOML basic string
    return repr(value)
