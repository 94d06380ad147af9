"""Scenarios: the file format, its tables and messages, and the image that both systems start from."""
