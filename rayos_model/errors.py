"""Errors that a user may see: one line of text and an exit status each. Must not know the rest of the package."""


def printable(text: str) -> str:
    """A text as one line, with its control characters escaped."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class RayosError(Exception):
    """Base of all errors that a user may see. The text is one line: what is wrong, where, and what to do.

    Control characters, which names and keys of foreign files may contain, are escaped.
    """

    exit_code = 1

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


class BadInput(RayosError):
    """A scenario, option or file is wrong."""

    exit_code = 2


class PlatformFailure(RayosError):
    """The platform failed: QEMU is missing, the boot hangs, the guest panics, trace records are lost."""

    exit_code = 3


class StorageFailure(RayosError):
    """A run or result cannot be written: disk full, no permission."""

    exit_code = 3
