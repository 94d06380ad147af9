"""Faults of the platform, injected into whole commands.

python -m tests.faults --help
"""
