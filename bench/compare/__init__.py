"""kith and its peers measured side by side. run.py is the program, docs/benchmarks.md tells how to read it."""
