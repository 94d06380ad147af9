"""Fuzzing of everything that reads files from elsewhere: mutated inputs, and the same for the kernel's readers in C.

python -m tests.fuzz --help
"""
