"""Measures Plumbline against its budgets and against peers, in one run: `make bench`, or `python -m benchmarks.run`."""
