"""Builds and their cache: the kernel, the compiled model; atomic writes; hashes of the package's sources."""
