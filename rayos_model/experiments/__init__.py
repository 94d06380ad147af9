"""Many runs for one answer: sweeps, plans, sensitivity, shrinking. Must not know how results are shown."""
