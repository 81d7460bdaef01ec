"""The control chart of a characteristic's page: its head, the chart's frame and the signals."""

from collections.abc import Mapping

from board.page import Content

PARTS: Mapping[str, Content] = {}
