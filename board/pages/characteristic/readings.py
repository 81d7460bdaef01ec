"""The raw readings of a characteristic's page: newest first, a page after another, chosen by their context."""

from math import isnan, log10

import numpy as np

from board.history.measured import CONTEXT, Measured
from board.history.rows import Shown
from board.history.statements import item
from board.page import Asked
from board.pages.characteristic.range import PARAMETERS, choice, chosen, download, query, told
from board.times import LAST_NS, rfc3339
from rules.histogram import decimal_step

SIZE = 25
LOOSE = "loose"  # of those alone that are in no point
LAST = (LAST_NS, LAST_NS, LAST_NS)


def part(asked: Asked) -> Shown:
    """`readings_shown` of one page, and the queries of the pages beside it and of the downloads."""
    own, before = item(asked.view, asked.name), asked.query.get("before", "")
    aside = asked.query.get("of", "") == LOOSE
    rows, older = Measured(asked.view, own.number).page(choice(asked), _place(before), SIZE, loose_only=aside)
    shifts = asked.view.shifts([one.time_ns for one in rows])
    step = decimal_step(np.array([one.value for one in rows]))
    return {
        "readings_decimals": None if isnan(step) else round(-log10(step)),
        "readings_shown": [
            {"reading": one, "time": rfc3339(one.time_ns), "shift": shift}
            for one, shift in zip(rows, shifts, strict=True)
        ],
        "readings_fields": [name for name in CONTEXT if any(one.context.get(name) for one in rows)],
        "readings_unit": own.unit,
        "readings_counts": own.counts,
        "readings_chosen": told(asked),
        "readings_context": PARAMETERS,
        "readings_range": chosen(asked),
        "readings_query": query(asked),
        "readings_download": download(asked),
        "readings_older": ""
        if older is None
        else query(asked, before="_".join(map(str, older)), of=LOOSE if aside else ""),
        "readings_loose": query(asked, of=LOOSE),
        "readings_aside": aside,
        "readings_paged": bool(before),
    }


def _place(text: str) -> tuple[int, int, int]:
    """The place of an address, as `readings_older` writes it; the newest for what is none."""
    parts = text.split("_")
    if len(parts) != len(LAST) or not all(part.lstrip("-").isdecimal() for part in parts):
        return LAST
    time_ns, seq, idx = (int(part) for part in parts)
    return min(max(time_ns, -LAST_NS), LAST_NS), seq, idx
