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
    try:
        with path.open("rb") as file:
            text = file.read(longest_bytes + 1)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(text) > longest_bytes:
        raise BadInput(f"{path}: expected at most {longest_bytes >> 20} MiB")
    return parse(text, form, str(path))


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
    return f"{key}: {_expectation(first)}" if key else _expectation(first)


def shown(value: Any) -> str:
    """A value as shown in a message: one line, shortened to `_SHOWN` characters."""
    text = repr(value) if len(str(value)) <= 4 * _SHOWN else f"{str(value)[: 4 * _SHOWN]!r}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _expectation(error: ErrorDetails) -> str:
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
        case _:
            message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
            return f"expected {message[:1].lower()}{message[1:]}, got {value}"
