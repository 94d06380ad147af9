"""What can go wrong, as one clear line and an exit status each. Knows nothing of the rest of the package."""


class RayosError(Exception):
    """Base of every error a user may see; its text is one line that says what to do about it."""

    exit_code = 1


class BadInput(RayosError):
    """The user's scenario, option or file is wrong."""

    exit_code = 2


class PlatformFailure(RayosError):
    """The platform failed: QEMU missing, boot hang, guest panic, lost trace records."""

    exit_code = 3


class StorageFailure(RayosError):
    """A run could not be written: disk full, no permission."""

    exit_code = 3
