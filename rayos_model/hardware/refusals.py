"""Disk errors injected while the guest runs, by QEMU's `blkdebug` driver.

The rules of a blkdebug node are fixed when it is opened. To change the rules, a new node is inserted between the disk
and its image (`platforms.DISK_DEVICES`), and the old one is removed. The guest must be paused, so that QEMU has
completed all earlier requests. Must not know why an error is injected.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from rayos_model.contract.abi import BLOCK_BYTES, DiskRefusal
from rayos_model.hardware.session import QemuSession

_SECTORS: Final = BLOCK_BYTES // 512
_ALWAYS: Final = "none"
"""The event that arms a rule when its node is opened."""
_RULES: Final[dict[DiskRefusal, dict[str, Any]]] = {
    DiskRefusal.READ: {"event": _ALWAYS, "iotype": "read", "once": True},
    DiskRefusal.WRITE: {"event": _ALWAYS, "iotype": "write", "once": True},
    DiskRefusal.READS: {"event": _ALWAYS, "iotype": "read"},
    DiskRefusal.WRITES: {"event": _ALWAYS, "iotype": "write"},
}


class DiskRefusals:
    """The rules now in force; a block that was made bad stays bad."""

    def __init__(self, session: QemuSession) -> None:
        self._session = session
        self._names = (f"errors{number}" for number in count())
        self._node: str | None = None
        self._bad: set[int] = set()

    async def change(self, refusal: DiskRefusal, block: int) -> None:
        """Makes the disk fail these requests, and those to bad blocks, only. Raises `QemuFailed` if QEMU refuses."""
        if refusal is DiskRefusal.BLOCK:
            self._bad.add(block)
        rules = [{"event": _ALWAYS, "iotype": "write", "sector": bad * _SECTORS} for bad in sorted(self._bad)]
        rules += [_RULES[refusal]] if refusal in _RULES else []
        before, self._node = self._node, next(self._names) if rules else None
        if self._node is not None:
            errors = {"driver": "blkdebug", "node-name": self._node, "image": "image", "inject-error": rules}
            await self._session.execute("blockdev-add", **errors)
        disk = {"driver": "raw", "node-name": "disk", "file": self._node or "image", "cache": {"no-flush": True}}
        await self._session.execute("blockdev-reopen", options=[disk])
        if before is not None:
            await self._session.execute("blockdev-del", **{"node-name": before})
