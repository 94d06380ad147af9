"""Runs: what one consists of, how it is written, and what a system is that makes one."""
