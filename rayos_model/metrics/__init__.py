"""Metrics of a run, computed from its trace. Must not know which system made it."""
