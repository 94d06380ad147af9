"""The expected errors: each is one line of text and an exit status. Knows nothing of the rest of the package."""


class RayosError(Exception):
    """Base of every expected error; its text is one line with the remedy."""

    exit_code = 1


class BadInput(RayosError):
    """A scenario, an option or a file given by the user is wrong."""

    exit_code = 2


class PlatformFailure(RayosError):
    """The platform failed: QEMU missing, boot hang, guest panic, lost trace records."""

    exit_code = 3


class StorageFailure(RayosError):
    """A file could not be written: disk full, no permission."""

    exit_code = 3
