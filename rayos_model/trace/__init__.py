"""Traces: Parquet files of records, points and their labels, segments between points, paired events.

Must not know which system wrote a trace, what a segment should cost, or what a metric is.
"""
