"""Clients: one file a workload."""
