"""Objectives with their key results, and alerts."""

from board.page import Page

PAGE = Page("key-results", "/key-results")
