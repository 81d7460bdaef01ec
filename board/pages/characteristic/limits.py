"""Limits and specification of a characteristic's page: what is in force, every revision, and the acceptance."""

from board.history.rows import Shown
from board.history.statements import item, limits_told, specifications_told
from board.page import Asked
from config.roles import Role


def part(asked: Asked) -> Shown:
    """`limits_told` and `specifications_told`, newest first; `limits_acceptable` the revision that may be accepted."""
    own = item(asked.view, asked.name)
    limits = own.shown["limits"] if isinstance(own.shown["limits"], dict) else None
    provisional = limits is not None and limits["state"] == "provisional"
    return {
        "limits_item": own.shown,
        "limits_unit": own.unit,
        "limits_now": limits,
        "limits_told": limits_told(asked.view, own.number),
        "specifications_told": specifications_told(asked.view, own.number),
        "limits_acceptable": limits["revision"] if limits and provisional and asked.asker.may(Role.WRITE) else None,
        "limits_by": asked.asker.name,
    }
