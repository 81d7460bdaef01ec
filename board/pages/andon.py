"""The characteristics at a glance."""

from board.page import Page

PAGE = Page("andon", "/")
