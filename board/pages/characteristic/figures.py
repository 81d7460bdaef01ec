"""The figures of a characteristic's page: histogram, days, capability, limits and readings."""

from collections.abc import Mapping

from board.page import Content
from board.pages.characteristic import capability, days, histogram, limits, readings

PARTS: Mapping[str, Content] = {
    "histogram": histogram.part,
    "capability": capability.part,
    "limits": limits.part,
    "days": days.part,
    "readings": readings.part,
}
