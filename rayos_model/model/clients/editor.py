"""A client that edits a document and saves it."""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.input import Input
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import Body
from rayos_model.model.disk.calls import Call, flush, put

WORK: Final = -1
"""The record that holds an editor's work; those of stressors, and the pieces of what is copied, are numbered from 0."""
SAVE_AGAIN_NS: Final = 50_000_000


class Editor(Input):
    """Reacts to input and then has unsaved work; asked to close, it saves that before it leaves."""

    workload = Workload.EDITOR

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._unsaved = False
        self._saved: int | None = None

    def input(self, now: int) -> None:
        self._unsaved = True
        super().input(now)

    def close(self, now: int) -> None:
        self._saved = now + self.think() if self._unsaved else now

    def due(self) -> int | None:
        other = super().due()
        return other if self._saved is None or (other is not None and other < self._saved) else self._saved

    def act(self) -> Body:
        if self._saved is not None and self.due() == self._saved:
            self.leaving = yield from self._save()
            self._saved = self.core.processor.now + SAVE_AGAIN_NS
        else:
            yield from super().act()

    def _save(self) -> Call:
        disk = self.core.disk
        if not self._unsaved or disk is None:
            return True
        return (yield from put(self, disk, (self.id, WORK))) and (yield from flush(self, disk, 1))
