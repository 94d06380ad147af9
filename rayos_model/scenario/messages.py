"""Messages for errors in a scenario file: key, expectation, value found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic_core import ErrorDetails

from rayos_model.contract import strict


def suggest(name: str, candidates: Iterable[str]) -> str:
    """`; did you mean …?` with the closest candidate, or an empty text if none is close."""
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without those that only follow from an error inside the same value."""
    inside = {error["loc"][:n] for error in errors for n in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in inside]


def describe(error: ErrorDetails, known: Iterable[str]) -> str:
    """One line for a pydantic error: key, expectation, value found. `known` are the keys allowed at its location."""
    location = error["loc"]
    key = ".".join(str(part) for i, part in enumerate(location) if not (i and location[i - 1] in ("think", "gap")))
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key" + suggest(str(location[-1]), known)
        case "missing":
            return f"{key}: this key is required"
        case "value_error":
            text = error["msg"].removeprefix("Value error, ")
            return f"{key}: {text}" if key else text
        case "union_tag_not_found" | "model_attributes_type" | "model_type" | "dict_type" if set(location) & {
            "think",
            "gap",
        }:
            example = '{ dist = "exponential", mean_us = 500 }'
            return f"{key}: expected a distribution such as {example}, got {strict.shown(value)}"
        case "literal_error" | "union_tag_invalid":
            expected = str((error.get("ctx") or {}).get("expected") or (error.get("ctx") or {}).get("expected_tags"))
            given = value.get("dist") if isinstance(value, dict) else value
            names = [name.strip(" '") for name in expected.replace(" or ", ", ").split(",")]
            return f"{key}: expected one of {', '.join(names)}, got {strict.shown(given)}" + suggest(str(given), names)
        case _:
            return f"{key}: {strict.expectation(error)}"
