"""The outside into columns: one file per edge."""
