"""Analysis of single runs: where CPU time and latency go, contention, degradation, analytic bounds, output statistics.

Must not know which system made a run, nor how two runs compare.
"""
