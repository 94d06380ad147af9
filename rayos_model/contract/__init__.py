"""The interfaces between kernel, host and model: scenario image, trace records, marker lines, names of metrics.

Must not know what a scenario is, who writes a trace or what a metric is used for: nothing here imports another package
but `errors`.
"""
