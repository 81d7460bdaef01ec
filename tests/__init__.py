"""Tests; `tests.truth_tables` and the oracles are imported by name."""
