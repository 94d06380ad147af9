"""What crosses a boundary: the image a kernel boots with, its trace records, its marker lines, names of metrics."""
