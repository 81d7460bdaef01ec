"""Columns in, verdicts out: the pure core. No clock, log, environment, network or file."""
