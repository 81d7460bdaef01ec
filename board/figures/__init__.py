"""Figures as pages show them: drawings whose places are computed here, tables, and verdicts in sentences."""
