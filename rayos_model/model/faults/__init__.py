"""Faults: the injector, what a faulty client does, and the mutexes a deadlock needs."""
