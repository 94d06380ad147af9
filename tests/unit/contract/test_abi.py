"""`rayos_model/contract/abi.py` is what `kernel/abi.h` declares: generated from it, and as a C compiler reads it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from rayos_model.contract import abi, macros, trace_record
from rayos_model.costs import address_space
from tests.support.abi_generator import COMMAND, HEADER, TARGET, Declarations, declarations, generate

MACROS = {
    "REQUEST_ID(WL_SURFACE, 6)": macros.request_id(abi.Interface.WL_SURFACE, 6),
    "FAULT_SUBJECT(1023, 7)": macros.fault_subject(1023, 7),
    "PACK(123, 456)": trace_record.pack(123, 456),
    "PAINTED(123, 456, 789)": trace_record.painted(123, 456, 789),
    "QUEUED(123, 456, 789)": trace_record.queued(123, 456, 789),
    "ROW_STEPS(257)": address_space.row_steps(257),
    "PACK8(3, 456)": 3 | 456 << 8,
}
"""A use of every function-like macro, with the value of its counterpart in Python; `PACK8` has none."""


@pytest.fixture(scope="module")
def header() -> str:
    return HEADER.read_text("utf-8")


@pytest.fixture(scope="module")
def declared(header: str) -> Declarations:
    return declarations(header)


def test_the_committed_file_is_generated_from_the_header(header: str) -> None:
    assert TARGET.read_text("utf-8") == generate(header), f"kernel/abi.h has changed: run `{COMMAND}`"


def mirrored(declared: Declarations) -> Iterator[tuple[str, int]]:
    """C expressions for every number of the header, with the values that `abi` has for them."""
    for constant in declared.constants:
        value = getattr(abi, constant.name)
        if isinstance(value, int):
            yield constant.name, value
    for enumeration in declared.enumerations:
        mirror = getattr(abi, enumeration.class_name)
        yield from ((enumeration.prefix + member.name, member.value) for member in mirror)
    for declaration in declared.structs:
        name = declaration.name
        layout, fields = getattr(abi, declaration.constant), getattr(abi, f"{declaration.constant}_FIELDS")
        sizes = dict(zip(fields, field_sizes(layout), strict=True))
        offset = 0
        for field, size in sizes.items():
            yield f"offsetof(struct {name}, {field})", offset
            yield f"sizeof(((struct {name} *)0)->{field})", size
            offset += size
        yield f"sizeof(struct {name})", offset


def field_sizes(layout: struct.Struct) -> list[int]:
    """Size of each field of a format."""
    codes = re.findall(r"(\d*)([A-Za-z])", layout.format)
    return [
        size
        for count, code in codes
        for size in ([int(count)] if code == "s" else [struct.calcsize(f"<{code}")] * int(count or 1))
    ]


def test_a_c_compiler_reads_the_header_alike(declared: Declarations, compile_and_run: Callable[..., str]) -> None:
    expected = {**dict(mirrored(declared)), **MACROS}
    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in expected)
    includes = '#include <stddef.h>\n#include <stdio.h>\n#include "abi.h"\n'
    source = f"{includes}int main(void) {{\n{prints}\nputs(IMAGE_MAGIC);\n}}\n"
    *numbers, magic = compile_and_run(source).split()
    assert dict(zip(expected, map(int, numbers), strict=True)) == expected
    assert magic.encode() == abi.IMAGE_MAGIC


def test_the_compiler_is_asked_about_everything_declared(header: str, declared: Declarations) -> None:
    """Counted by patterns that the generator does not use."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    assert len(declared.constants) == len(re.findall(r"^#define \w+ \S", code, re.M))
    assert {use.partition("(")[0] for use in MACROS} == set(declared.macros) == {*re.findall(r"#define (\w+)\(", code)}
    structs = dict(re.findall(r"struct (\w+) \{(.*?)\};", code, re.S))
    assert {one.name: len(one.fields) for one in declared.structs} == {
        n: body.count(";") for n, body in structs.items()
    }
    enums = dict(re.findall(r"enum (\w+) \{(.*?)\};", code, re.S))
    members = {name: len([part for part in body.split(",") if part.strip()]) for name, body in enums.items()}
    assert {one.name: len(one.members) for one in declared.enumerations} == members


@pytest.mark.parametrize(
    ("body", "complaint"), [("u32 a; u64 b;", "struct s: has implicit padding"), ("u32 a; int b;", "struct s: fields")]
)
def test_what_cannot_be_mirrored_is_refused(body: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        generate(f"struct s {{ {body} }};\n")


def test_comments_document_what_stands_before_them_or_below() -> None:
    text = generate(
        "#define ONE 0x1f /* of a kind */\n"
        "/* not of TWO */\n\n"
        "#define TWO (ONE + 1)\n"
        "/* Which it is. */\n"
        "enum kind {\n    /* the first half */\n    KIND_A = 1, /* 1 the\n     * first */\n    KIND_B };\n"
    )
    assert 'ONE: Final = 0x1F\n"""Of a kind."""\nTWO: Final = 32\n' in text
    members = "    # the first half\n    A = 1  # the first\n    B = 2\n"
    assert text.endswith(f'class Kind(IntEnum):\n    """Which it is. `enum kind`."""\n\n{members}')


def test_the_array_type_of_a_record_has_the_layout_of_the_struct() -> None:
    fields = trace_record.TRACE_DTYPE.fields
    assert fields is not None and tuple(fields) == abi.TRACE_RECORD_FIELDS
    assert [layout[0].itemsize for layout in fields.values()] == field_sizes(abi.TRACE_RECORD)
    assert trace_record.TRACE_DTYPE.itemsize == abi.TRACE_RECORD.size


def test_pack_and_unpack_are_inverse() -> None:
    assert trace_record.unpack(trace_record.pack(0xDEADBEEF, 7)) == (0xDEADBEEF, 7)
    work = 0xABCDEF0, 0x3EDCBA, 0x3FF1
    assert (
        tuple(int(size[0]) for size in trace_record.unpack_painted(np.array([trace_record.painted(*work)], np.uint64)))
        == work
    )
    write = abi.BATCH_BYTES, 300, 0xDEADBEEF
    assert (
        tuple(int(size[0]) for size in trace_record.unpack_queued(np.array([trace_record.queued(*write)], np.uint64)))
        == write
    )
