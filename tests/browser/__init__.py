"""Tests' own browser: see `tests.browser.board`."""
