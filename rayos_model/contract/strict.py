"""Strict reading of JSON files: the content has the declared form, or is refused with a one-line message.

Numbers are finite, and neither text nor boolean; no key is missing, no unknown key is ignored. Runs, baselines,
calibrations and stored points of sweeps are read here. Must not know what the files mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from rayos_model.errors import BadInput

STRICT: Final = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")
"""Pydantic configuration of every form; a data class takes it as `__pydantic_config__`."""

LONGEST_BYTES: Final = 256 << 20
"""Size limit of a file; the metrics of a run of 30 days take less."""

_SHOWN: Final = 60

T = TypeVar("T")


def read(path: Path, form: TypeAdapter[T], *, longest_bytes: int = LONGEST_BYTES) -> T:
    """The content of a JSON file in the given form. Raises `BadInput` with file, key and expectation."""
    return parse(content(path, longest_bytes), form, str(path))


def content(path: Path, longest_bytes: int = LONGEST_BYTES) -> bytes:
    """The bytes of a file. Raises `BadInput` for one that is missing, too long or no plain file."""
    require_file(path)
    try:
        with path.open("rb") as file:
            found = file.read(longest_bytes + 1)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(found) > longest_bytes:
        raise BadInput(f"{path}: expected at most {longest_bytes >> 20} MiB")
    return found


def require_file(path: Path) -> None:
    """Raises `BadInput` where a path leads to anything but a plain file: a device or pipe may never end."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: expected a file")


def parse(text: str | bytes, form: TypeAdapter[T], source: str) -> T:
    """JSON text in the given form. Raises `BadInput`, whose text starts with `source`."""
    try:
        return form.validate_json(text, strict=True)
    except ValidationError as error:
        raise BadInput(f"{source}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """The first error of a validation as one line: key, expectation, value found."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    return f"{key}: {expectation(first)}" if key else expectation(first)


def shown(value: Any) -> str:
    """A value as shown in a message: one line, shortened to `_SHOWN` characters."""
    text = repr(value) if len(str(value)) <= 4 * _SHOWN else f"{str(value)[: 4 * _SHOWN]!r}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def expectation(error: ErrorDetails) -> str:
    """The expectation and the value found of one error."""
    value = shown(error["input"])
    match error["type"]:
        case "missing" | "missing_argument":
            return "this key is required"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return "unknown key"
        case "finite_number":
            return f"expected a finite number, got {value}"
        case "float_type" | "float_parsing":
            return f"expected a number, got {value}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"expected a whole number, got {value}"
        case "bool_type":
            return f"expected true or false, got {value}"
        case "string_type":
            return f"expected a text, got {value}"
        case "json_invalid":
            return f"not valid JSON: {error['msg'].removeprefix('Invalid JSON: ')}"
        case "value_error" | "assertion_error":
            return error["msg"].partition(", ")[2] or error["msg"]
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"expected a table, got {value}"
        case "list_type" | "tuple_type":
            return f"expected an array, got {value}"
        case "greater_than_equal":
            return f"expected at least {_number(error, 'ge')}, got {value}"
        case "less_than_equal":
            return f"expected at most {_number(error, 'le')}, got {value}"
        case "greater_than":
            return f"expected more than {_number(error, 'gt')}, got {value}"
        case "less_than":
            return f"expected less than {_number(error, 'lt')}, got {value}"
        case "too_long" | "too_short":
            limits = error.get("ctx", {})
            least = "at most" if error["type"] == "too_long" else "at least"
            count = limits.get("max_length", limits.get("min_length"))
            return f"expected {least} {count} items, got {limits.get('actual_length')}"
        case _:
            message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
            return f"expected {message[:1].lower()}{message[1:]}, got {value}"


def _number(error: ErrorDetails, bound: str) -> str:
    value = error.get("ctx", {})[bound]
    return f"{value:,.10g}".replace(",", "_") if abs(value) >= 10_000 else f"{value:.10g}"
