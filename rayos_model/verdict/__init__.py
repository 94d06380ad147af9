"""Verdicts: a run's metrics judged by criteria, its timeline by rules, its marker log by its grammar and order.

Must not know which system made a run, nor where it is stored.
"""
