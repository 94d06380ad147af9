"""Traces: Parquet files of records, points with their names, segments between points, paired events."""
