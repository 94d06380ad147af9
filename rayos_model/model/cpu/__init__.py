"""CPUs: threads, ready queues, the scheduler, and how a host executes several virtual CPUs."""
