"""A client's socket: the batches that it sends to the compositor."""

from __future__ import annotations

from typing import Any

from rayos_model.contract.abi import BatchTag, Detection
from rayos_model.model.ipc.wire import Batch
from rayos_model.model.process import Process


class Sent:
    """One batch in a client's socket, stamped when `send` was entered."""

    __slots__ = ("batch", "client", "damage", "detail", "refused", "secondary", "sent_ns", "tag")

    def __init__(
        self,
        client: Process,
        tag: BatchTag,
        sent_ns: int,
        batch: Batch,
        secondary: bool,
        damage: tuple[int, int],
        detail: Any,
        refused: Detection | None,
    ) -> None:
        self.client = client
        self.tag = tag
        self.sent_ns = sent_ns
        self.batch = batch
        self.secondary = secondary
        self.damage = damage  # first row and number of rows, surface coordinates
        self.detail = detail  # what else its requests say
        self.refused = refused  # its last request is an error; how that is noticed
