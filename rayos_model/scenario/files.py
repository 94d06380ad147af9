"""Scenario files: reading, the scenarios shipped with the package, the JSON Schema."""

from __future__ import annotations

import json
import math
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Final

from rayos_model.contract import strict
from rayos_model.errors import BadInput
from rayos_model.scenario.messages import suggest
from rayos_model.scenario.scenario import Scenario, from_dict


def parse(text: str, source: str = "scenario") -> Scenario:
    """Parse and validate TOML text. Raises `BadInput`, for a syntax error with its line."""
    try:
        return from_dict(tomllib.loads(text), source)
    except RecursionError:
        raise BadInput(f"{source}: not valid TOML: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{source}: not valid TOML: {error}") from None
    except ValueError:  # the limit of int() on the number of digits
        raise BadInput(f"{source}: not valid TOML: a number has too many digits") from None


def load(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by name, or one from a `.toml` file or a run's `scenario.json`. Raises `BadInput`."""
    text = str(name_or_path)
    path = Path(name_or_path)
    if "/" not in text and path.suffix not in (".toml", ".json"):
        return load_shipped(text)
    if "/" in text and path.suffix == "" and text.split("/", 1)[0] in _CATEGORIES and not path.exists():
        return load_shipped(text.split("/", 1)[1])
    try:
        content = strict.content(path, _LONGEST_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: expected a text file in UTF-8") from None
    if path.suffix == ".json":
        try:
            data = json.loads(content)
        except RecursionError:
            raise BadInput(f"{path}: not valid JSON: nested too deeply") from None
        except json.JSONDecodeError as error:
            raise BadInput(f"{path}: not valid JSON: {error}") from None
        except ValueError:
            raise BadInput(f"{path}: not valid JSON: a number has too many digits") from None
        if not isinstance(data, dict):
            raise BadInput(f"{path}: expected a JSON object")
        return from_dict(data, str(path))
    return parse(content, str(path))


_LONGEST_BYTES: Final = 16 << 20
"""Size limit of a scenario file."""
_CATEGORIES: Final = ("calibration", "validation")


def shipped(category: str = "") -> list[str]:
    """Names of the shipped scenarios of a category: `""` (for users), `"calibration"` or `"validation"`."""
    folder = resources.files("rayos_model").joinpath("scenarios", *([category] if category else []))
    return sorted((e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml")), key=_natural)


def load_shipped(name: str) -> Scenario:
    """A shipped scenario by name. Raises `BadInput` with a suggestion for an unknown name."""
    everything: list[str] = []
    for category in ("", *_CATEGORIES):
        names = shipped(category)
        if name in names:
            parts = (category, f"{name}.toml") if category else (f"{name}.toml",)
            text = resources.files("rayos_model").joinpath("scenarios", *parts).read_text(encoding="utf-8")
            return parse(text, f"{name}.toml")
        everything += names
    hint = suggest(name, everything) or "; `rayos scenarios list` shows all names; a path must end in .toml"
    raise BadInput(f"no scenario is named {name!r}{hint}")


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    schema = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "RayOS scenario"}


def _natural(name: str) -> tuple[str, float, str]:
    stem, _, number = name.rpartition("-")
    return (stem, float(number), name) if number.isdigit() else (name, math.inf, name)
