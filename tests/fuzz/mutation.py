"""Mutation of inputs: damage as by a broken disk or an editor, and values as a hostile author writes them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

_VALUES: Final = (
    *("NaN", "nan", "-1", "-0.0", "0", "1e999", "1e308", "-1e308", "9" * 30, "9" * 5000, "1e-320", "1_000", "0x10"),
    *("null", "true", "[]", "{}", '""', '"x"', '"../../etc/passwd"', '"a\\u0000\\n[red]b"', "[" * 300, "\u0664\u0662"),
    *("RAYOS_SOAK:START:1:1", "RAYOS_PANIC:x", "PANIC: kernel panic", "\x1b[31m", "\x00", "\r", "\ufeff", ":", ","),
)
_TOKEN: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|\"[^\"\n]*\"|[A-Za-z_]+")

Mutation = Callable[[bytes, random.Random], bytes]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 20)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 255, rng.randrange(256)))
    return bytes(changed)


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randrange(20)) + data[at:]


def _remove(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(60) :]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at : at + rng.randrange(200)] * rng.randrange(1, 4) + data[at:]


def _replace_token(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return data
    token = rng.choice(tokens)
    value = rng.choice((*_VALUES, rng.choice(tokens).group()))
    return (text[: token.start()] + value + text[token.end() :]).encode("utf-8", "surrogatepass")


def _swap_lines(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(rng.randrange(1, 4)):
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


_MUTATIONS: Final[Sequence[Mutation]] = (
    *(_cut, _flip, _insert, _remove, _repeat, _swap_lines),
    *(_replace_token, _replace_token, _replace_token, _replace_token),
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """`data` after one to three mutations."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(_MUTATIONS)(data, rng)
    return data
