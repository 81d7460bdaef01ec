"""How the service is doing."""

from board.page import Page

PAGE = Page("health", "/service", stream=False)
