"""Scenarios: file format, tables with defaults and bounds, messages, criteria, compilation into the image.

Must not know how a system runs a scenario, nor how a run of it is judged.
"""
