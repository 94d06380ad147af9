"""Builds and the cache they live in: the kernel, the compiled model, files that appear whole."""
