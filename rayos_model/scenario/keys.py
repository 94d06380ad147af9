"""Dotted keys of a scenario, such as `machine.quantum_us` or `clients.0.rate_hz`: parsing, reading, changing.

`clients` is the total number of clients, distributed over the groups in the scenario's proportions; `clients.*.KEY` is
KEY of every group. Must not know why a scenario is changed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from rayos_model.errors import BadInput
from rayos_model.scenario.scenario import Scenario, from_dict

TOTAL_CLIENTS = "clients"


def parse_value(text: str) -> Any:
    """A value in TOML syntax (`60`, `0.5`, `[256, 128]`, `"input"`); a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def split_values(text: str) -> list[Any]:
    """Values separated by commas outside brackets and braces, each parsed by `parse_value`."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [parse_value(part) for part in (*parts, text[start:])]


def share_out(total: int, counts: list[int]) -> list[int]:
    """Distribute `total` clients over groups in the proportions of `counts`, at least one each (Sainte-Laguë method).

    Raises `ValueError` for fewer clients than groups.
    """
    if total < len(counts):
        raise ValueError(f"expected at least {len(counts)}, one per group, got {total}")
    shares = [1] * len(counts)
    for _ in range(total - len(counts)):
        shares[max(range(len(counts)), key=lambda i: counts[i] / (2 * shares[i] + 1))] += 1
    return shares


def with_changes(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with these keys changed. Raises `BadInput` with scenario, key and expectation."""
    data = scenario.model_dump(exclude_unset=True)
    for key, value in changes.items():
        _set(data, key, value, scenario)
    return from_dict(data, source=f"{scenario.name} with {describe(changes)}")


def value_of(scenario: Scenario, key: str) -> Any:
    """The value of a key in a scenario, possibly a default. Raises `BadInput` for an unknown key."""
    if key == TOTAL_CLIENTS:
        return scenario.client_count
    where: Any = scenario.model_dump()
    for part in key.split("."):
        if isinstance(where, tuple | list) and part.isdigit() and int(part) < len(where):
            where = where[int(part)]
        elif isinstance(where, tuple | list) and part == "*":
            where = where[0]
        elif isinstance(where, dict) and part in where:
            where = where[part]
        else:
            raise BadInput(f"{scenario.name}: {key}: no such key in this scenario; see `rayos scenarios schema`")
    return where


def describe(changes: Mapping[str, Any]) -> str:
    """The changes as `key=value` pairs on one line."""
    texts = {key: f"{value:g}" if isinstance(value, float) else value for key, value in changes.items()}
    return ", ".join(f"{key}={text}" for key, text in texts.items())


def _set(data: dict[str, Any], key: str, value: Any, scenario: Scenario) -> None:
    if key == TOTAL_CLIENTS:
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(f"{scenario.name}: clients: expected a whole number, got {value!r}")
        try:
            shares = share_out(value, [group.count for group in scenario.clients])
        except ValueError as error:
            raise BadInput(f"{scenario.name}: clients: {error}") from None
        data["clients"] = [{**group, "count": share} for group, share in zip(data["clients"], shares, strict=True)]
        return
    first, *rest = key.split(".")
    if first == "clients":
        index, *inner = rest
        groups = [dict(group) for group in data["clients"]]
        chosen = range(len(groups)) if index == "*" else [int(index)] if index.isdigit() else []
        if not inner or not chosen or max(chosen) >= len(groups):
            forms = f"clients, clients.*.KEY or clients.0.KEY to clients.{len(groups) - 1}.KEY"
            raise BadInput(f"{scenario.name}: {key}: expected {forms}")
        for group in chosen:
            _put(groups[group], inner, value, key, scenario)
        data["clients"] = groups
    else:
        _put(data, [first, *rest], value, key, scenario)


def _put(table: dict[str, Any], path: list[str], value: Any, key: str, scenario: Scenario) -> None:
    for part in path[:-1]:
        inner = table.get(part, {})
        if not isinstance(inner, dict):
            raise BadInput(f"{scenario.name}: {key}: {part} is not a table; see `rayos scenarios schema`")
        table[part] = inner = dict(inner)
        table = inner
    table[path[-1]] = value
