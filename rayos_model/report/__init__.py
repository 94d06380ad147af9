"""Plots, pages and tables of runs and cross-checks, made once for CLI, notebook and report alike."""
