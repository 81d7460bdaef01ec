"""The figures of a characteristic's page: histogram, days, capability, limits and readings."""

from collections.abc import Mapping

from board.page import Content

PARTS: Mapping[str, Content] = {}
