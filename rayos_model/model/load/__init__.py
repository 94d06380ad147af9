"""Background load: computing threads, stressors of disk and memory, and the steps of a stress test."""
