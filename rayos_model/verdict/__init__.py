"""Verdicts: a run's metrics against criteria, its timeline against rules."""
