"""Metrics of a run: trackers that read its trace as it is written, and the collector that feeds them.

Must not know which system made the run, nor which values are good ones.
"""
