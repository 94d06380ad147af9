"""Generator of `rayos_model/contract/abi.py` from `kernel/abi.h`: `make abi`, or

    python -m tests.support.abi_generator

writes the file anew. A test compares the committed file with the generated text.

Values and layouts come from the parser `dissect.cstruct`; comments of the header become docstrings
of constants, structs and enumerations, and comments of fields and members. A comment above a declaration (no empty line
between) or behind it documents it; one that stands alone inside a body is a heading there. Function-like macros have no
generated counterpart: `rayos_model/contract/macros.py` and `trace_record.py` define them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from tests.support.paths import ROOT

HEADER: Final = ROOT / "kernel" / "abi.h"
TARGET: Final = ROOT / "rayos_model" / "contract" / "abi.py"
COMMAND: Final = "python -m tests.support.abi_generator"

_WIDTH: Final = 120
_CLASSES: Final = {"wayland_interface": "Interface", "error": "ErrorCode"}
"""Enumeration → its class, where that is not the name in camel case."""
_STRUCTS: Final = {"client_config": "CLIENT_CONFIGURATION"}
"""Struct → its constant, where that is not the name in upper case: `CLIENT_CONFIG` is an address."""
_SIZES: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "char": 1}
_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_TOKENS: Final = re.compile(
    r"""(?P<comment>/\*.*?\*/)
    |\#define\s+(?P<define>\w+)(?P<arguments>\([^)]*\))?(?P<value>[^\n]*?)(?=\s*(?:/\*|\n))
    |(?P<kind>struct|enum)\s+(?P<name>\w+)\s*\{
    |(?P<end>\}\s*;)
    |(?P<type>char|u\d+)\s+(?P<field>\w+)(?:\[(?P<count>\w+)\])?\s*(?=[;,])
    |(?P<member>\b[A-Z]\w*\b)(?:\s*=\s*\w+)?(?=\s*[,}])
    |(?P<gap>\n[ \t]*\n)""",
    re.S | re.X,
)


@dataclass(slots=True)
class Item:
    """A constant, a field of a struct or a member of an enumeration; `heading` stands above it."""

    name: str
    comment: str = ""
    heading: str = ""


@dataclass(slots=True)
class Constant(Item):
    """A constant: a number or text. `hexadecimal`: written so in the header."""

    value: int | str = 0
    hexadecimal: bool = False

    @property
    def literal(self) -> str:
        """As Python has it; text as bytes."""
        if isinstance(self.value, str):
            return f'b"{self.value}"'
        return f"0x{self.value:X}" if self.hexadecimal else str(self.value)


@dataclass(slots=True)
class Field(Item):
    """A field of a struct: `count` elements of `size` bytes; `text`: characters."""

    size: int = 0
    count: int = 1
    text: bool = False


@dataclass(slots=True)
class Member(Item):
    """A member of an enumeration."""

    value: int = 0


@dataclass(slots=True)
class Struct(Item):
    """A struct and its fields in order."""

    fields: list[Field] = field(default_factory=list)

    @property
    def constant(self) -> str:
        """The name of its layout in Python."""
        return _STRUCTS.get(self.name, self.name.upper())

    @property
    def format(self) -> str:
        """Its layout as `struct.Struct` takes it. An array of numbers is left as bytes."""
        codes = []
        for (array, code), run in groupby(_code(one) for one in self.fields):
            count = len(list(run))
            codes += [code] * count if array else [f"{count if count > 1 else ''}{code}"]
        return "<" + "".join(codes)


@dataclass(slots=True)
class Enumeration(Item):
    """An enumeration and its members in order."""

    members: list[Member] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        """The name of its class in Python."""
        return _CLASSES.get(self.name, self.name.title().replace("_", ""))

    @property
    def prefix(self) -> str:
        """What the names of all members begin with, up to an underscore; left out in Python."""
        names = [member.name for member in self.members]
        first, last = min(names), max(names)
        alike = next((at for at, letter in enumerate(first) if letter != last[at]), len(first))
        return first[: first.rfind("_", 0, alike) + 1]


@dataclass(slots=True)
class Declarations:
    """What a header declares, in its order; `macros` are the names of function-like ones."""

    constants: list[Constant] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)
    enumerations: list[Enumeration] = field(default_factory=list)
    macros: list[str] = field(default_factory=list)


def declarations(header: str) -> Declarations:
    """Reads a header.

    Raises `ValueError` for a struct with implicit padding, and where names read here and by dissect.cstruct differ.
    """
    found = _Reader(header).read()
    types = _parsed(header)
    for constant in found.constants:
        if not isinstance(constant.value, str):
            constant.value = _number(types, constant.name)
    for enumeration in found.enumerations:
        members = types.resolve(enumeration.name).__members__
        if list(members) != [member.name for member in enumeration.members]:
            raise ValueError(f"enum {enumeration.name}: members {[*members]} were read differently")
        for member in enumeration.members:
            member.value = int(members[member.name])
    for struct in found.structs:
        parsed = types.resolve(struct.name)
        for one in struct.fields:
            one.count = getattr(parsed.fields[one.name].type, "num_entries", 1)
        if [*parsed.fields] != [one.name for one in struct.fields]:
            raise ValueError(f"struct {struct.name}: fields {[*parsed.fields]} were read differently")
        if parsed.size != sum(one.size * one.count for one in struct.fields):
            raise ValueError(f"struct {struct.name}: has implicit padding; add reserved fields")
    return found


def generate(header: str) -> str:
    """The text of `abi.py` for the text of a header. Raises `ValueError` as `declarations` does."""
    found = declarations(header)
    parts = [_HEAD]
    for constant in found.constants:
        parts.append(f"{constant.name}: Final = {constant.literal}\n{_docstring(constant.comment)}")
    for struct in found.structs:
        parts.append("\n" + "".join(_struct(struct)))
    for enumeration in found.enumerations:
        parts.append("\n\n" + "".join(_enumeration(enumeration)))
    return "".join(parts)


_HEAD: Final = f'''"""Layouts, enumerations and constants of `kernel/abi.h`, generated from it: do not edit.

    {COMMAND}

(`make abi`) writes this file anew. Over 450 lines, because it lists every member of the header. Must not know
what any of it is used for.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

'''


class _Reader:
    """Reads names and comments of a header; values are left to dissect.cstruct."""

    def __init__(self, header: str) -> None:
        self._header = header
        self._found = Declarations()
        self._body: Struct | Enumeration | None = None
        self._last: tuple[Item, int] | None = None  # what was declared last, and where it ends
        self._pending = ""  # comment that stands on a line of its own

    def read(self) -> Declarations:
        for token in _TOKENS.finditer(self._header):
            if token["comment"]:
                self._comment(token)
            elif token["gap"]:
                if self._body is None:
                    self._pending = ""
            elif token["end"]:
                if self._body is not None:
                    self._last = self._body, token.end()
                self._body = None
            elif item := self._declared(token):
                self._last = item, token.end()
        return self._found

    def _comment(self, token: re.Match[str]) -> None:
        text = " ".join(re.sub(r"^\s*\*", "", line).strip() for line in token[0][2:-2].splitlines())
        text = re.sub(r"\s{2,}", " ", text).strip()
        if self._last is not None and "\n" not in self._header[self._last[1] : token.start()]:
            self._last[0].comment = text
        else:
            self._pending = text

    def _declared(self, token: re.Match[str]) -> Item | None:
        above, self._pending = self._pending, ""
        if token["define"]:
            return self._define(token, above)
        if token["kind"] == "struct":
            self._body = Struct(token["name"], above)
            self._found.structs.append(self._body)
        elif token["kind"]:
            self._body = Enumeration(token["name"], above)
            self._found.enumerations.append(self._body)
        elif token["field"] and isinstance(self._body, Struct):
            one = Field(token["field"], heading=above, size=_SIZES[token["type"]], text=token["type"] == "char")
            self._body.fields.append(one)
            return one
        elif token["member"] and isinstance(self._body, Enumeration):
            member = Member(token["member"], heading=above)
            self._body.members.append(member)
            return member
        else:
            return None
        return self._body

    def _define(self, token: re.Match[str], above: str) -> Item | None:
        if token["arguments"]:
            self._found.macros.append(token["define"])
            return Item(token["define"])
        value = token["value"].strip()
        if not value:
            return None
        text = value.strip('"') if value.startswith('"') else 0
        constant = Constant(token["define"], above, value=text, hexadecimal=value.startswith("0x"))
        self._found.constants.append(constant)
        return constant


def _parsed(header: str) -> Any:
    """The header as dissect.cstruct reads it, which takes `u8` for eight octets and knows no function-like macros."""
    from dissect.cstruct import cstruct

    text = re.sub(r"^(?:typedef .*;|#define \w+\(.*)$", "", header, flags=re.M)
    text = re.sub(r"\bu(8|16|32|64)\b", r"uint\1_t", text)
    types = cstruct()
    types.load(text, align=True)
    return types


def _number(types: Any, name: str) -> int:
    """A constant, which may be an expression with constants declared after it."""
    from dissect.cstruct.expression import Expression

    value = types.consts[name]
    return int(Expression(value).evaluate(types) if isinstance(value, str) else value)


def _code(one: Field) -> tuple[bool, str]:
    """Whether a field is an array, and its code in a format."""
    array = one.text or one.count > 1
    return array, f"{one.size * one.count}s" if array else _CODES[one.size]


def _sentence(text: str) -> str:
    """A comment as a sentence."""
    text = text[:1].upper() + text[1:] if not re.match(r"\w*_", text) else text
    return text if text.endswith((".", "…")) else f"{text}."


def _docstring(text: str, indent: str = "", declaration: str = "") -> str:
    """A docstring with its line end, of a comment and the C declaration it belongs to; nothing without either."""
    parts = [_sentence(text)] if text else []
    body = " ".join([*parts, f"`{declaration}`."] if declaration else parts)
    if not body:
        return ""
    one = f'{indent}"""{body}"""\n'
    if len(one) <= _WIDTH:
        return one
    first, *more = textwrap.wrap(body, _WIDTH - len(indent) - 3)
    return "\n".join([f'{indent}"""{first}', *(indent + line for line in more), f'{indent}"""', ""])


def _commented(line: str, comment: str) -> Iterator[str]:
    """A line with its comment behind it, or above it where both are too long for one line."""
    if not comment:
        yield f"{line}\n"
    elif len(line) + len(comment) + 4 <= _WIDTH:
        yield f"{line}  # {comment}\n"
    else:
        indent = line[: len(line) - len(line.lstrip())]
        yield from (f"{indent}# {part}\n" for part in textwrap.wrap(comment, _WIDTH - len(indent) - 2))
        yield f"{line}\n"


def _struct(struct: Struct) -> Iterator[str]:
    document = _docstring(struct.comment, declaration=f"struct {struct.name}")
    yield f'{struct.constant}: Final = struct.Struct("{struct.format}")\n{document}'
    yield f"{struct.constant}_FIELDS: Final = (\n"
    for one in struct.fields:
        yield from _commented(f'    "{one.name}",', one.comment)
    yield ")\n"


def _enumeration(enumeration: Enumeration) -> Iterator[str]:
    yield f"class {enumeration.class_name}(IntEnum):\n"
    yield _docstring(enumeration.comment, "    ", f"enum {enumeration.name}") + "\n"
    prefix = enumeration.prefix
    for index, member in enumerate(enumeration.members):
        if member.heading:
            yield ("\n" if index else "") + f"    # {member.heading}\n"
        comment = re.sub(rf"^{member.value}(?:\s+|$)", "", member.comment)
        yield from _commented(f"    {member.name.removeprefix(prefix)} = {member.value}", comment)


if __name__ == "__main__":
    TARGET.write_text(generate(HEADER.read_text("utf-8")), "utf-8")
