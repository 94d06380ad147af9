"""Runs: their content, their writer, and the interface of the systems that make them."""
