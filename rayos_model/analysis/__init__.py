"""Analysis of runs: what their numbers are worth, where time goes, what matters. Must not know who made them."""
