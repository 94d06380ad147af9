"""Kinds of injected failures and their variants, by their names in scenario files."""

from __future__ import annotations

from typing import Final, Literal

FaultKindName = Literal[
    "client_crash",
    "memory_corruption",
    "buffer_exhaustion",
    "event_queue_overflow",
    "hang",
    "hostile_client",
    "deadlock",
    "network_partition",
    "disk_error",
    "disk_outage",
]

FAULT_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    "client_crash": ("page_fault", "illegal_instruction", "kill"),
    "memory_corruption": ("buffer", "heap"),
    "buffer_exhaustion": ("memory", "surfaces", "pools"),
    "event_queue_overflow": ("stop_reading",),
    "hang": ("stop_responding",),
    "hostile_client": ("fuzz",),
    "deadlock": ("opposite_order",),
    "network_partition": ("server_link", "remote_link"),
    "disk_error": ("read", "write", "bad_block"),
    "disk_outage": ("reads", "writes"),
}
"""Kind → its variants, in order of their numbers in the scenario image."""

LASTING: Final = ("network_partition", "disk_outage")
"""Kinds with a duration, `duration_s`."""
CLIENTLESS: Final = ("network_partition", "disk_error", "disk_outage")
"""Kinds that strike no client; they take neither target nor group."""
