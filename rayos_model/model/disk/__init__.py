"""The disk: device, store with its cache, the thread that serves requests, and the system calls."""
