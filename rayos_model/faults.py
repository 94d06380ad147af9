"""The kinds of injected failures and their variants, by the names that scenarios use."""

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
}
"""Kind → its variants, in the order of their numbers in the scenario image."""
