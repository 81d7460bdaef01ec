"""A slow decoder in plain Python: one dictionary a reading, the standard library's JSON, fractions for times.

It says what a subgroup and a change *are* (a label), not how they are hashed. Payloads must be JSON up to NaN and
Infinity; repetition is not its business.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

FIELDS = ["cavity", "fixture", "gauge", "lot", "machine", "operator", "order", "part"]
FIELDS += ["product", "purpose", "subgroup", "supplier", "tool"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2000, 2100))  # in seconds: meant as such


class NotFinite:
    pass


def number_or_not(text):
    return NotFinite() if abs(float(text)) == float("inf") else float(text)


def decode(plan, entries):
    """([row], [(seq, idx, reason)]): rows are dictionaries in order."""
    rows, refused = [], []
    for entry in entries:
        connector = next(one for one in plan.connectors if one.name == entry.connector)
        parts = match(connector.topics, entry.topic)
        if parts is None:
            refused.append((entry.seq, 0, "unknown-topic"))
            continue
        try:
            document = json.loads(entry.payload, parse_constant=lambda _: NotFinite(), parse_float=number_or_not)
        except ValueError:
            refused.append((entry.seq, 0, "not-json"))
            continue
        messages = document if isinstance(document, list) else [document]
        if not messages:
            refused.append((entry.seq, 0, "no-values"))
        mine, idx = [], 0
        for message in messages:
            idx = decode_message((plan, connector, parts), entry, message, idx, mine, refused)
        rows += sorted(mine, key=lambda row: row["time_ns"])
    return rows, refused


def decode_message(ground, entry, message, idx, rows, refused):
    plan, connector, parts = ground
    numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
    if not isinstance(message, dict):
        refused.append((entry.seq, idx, "not-an-object"))
        return idx
    values = message.get("values")
    elements = {}
    for key, value in values.items() if isinstance(values, dict) else ():
        elements[key] = ([None] if value == [] else value) if isinstance(value, list) else [value]
    after = idx + sum(map(len, elements.values()))
    if message.get("kind") not in (None, "measurements"):
        refused.append((entry.seq, idx, "unsupported-kind"))
        return after
    if not values or not isinstance(values, dict):
        refused.append((entry.seq, idx, "no-values" if values is None or values == {} else "wrong-type"))
        return after
    time_ns = entry.received_ns if message.get("time") is None else moment(message["time"], connector.time_zone)
    stamp = message.get("time")
    seconds = isinstance(stamp, int | float) and FIRST <= stamp < LAST
    if time_ns is None or seconds:
        refused.append((entry.seq, idx, "epoch-seconds" if seconds else "bad-time"))
        return after
    needed = set(re.findall(r"{(\w+)}", connector.characteristic)) - {"name"} - parts.keys()
    if any(not usable(message.get(field)) or field not in FIELDS for field in needed):
        refused.append((entry.seq, idx, "template-field-missing"))
        return after
    given = {field: message[field] for field in FIELDS if message.get(field) not in (None, "")}
    context = {field: value for field, value in given.items() if usable(value) and len(str(value)) <= 500}
    refused += [(entry.seq, idx, "wrong-type")] * (len(given) - len(context))
    change = tuple(context.get(field) for field in ("product", "lot", "tool"))
    other = context.get("purpose", "production") != "production" or ("purpose" in given and "purpose" not in context)
    for key, group in elements.items():
        names = {**context, **parts, "name": key}
        identity = re.sub(r"{(\w+)}", lambda found, names=names: str(names[found[1]]), connector.characteristic)
        if identity not in numbers:
            refused.append((entry.seq, idx, "unknown-characteristic"))
            idx += len(group)
            continue
        named, first = "subgroup" in context, idx
        in_array = isinstance(values[key], list) and not named
        good = [place for place, value in enumerate(group) if not fault(value)]
        for place, value in enumerate(group):
            reason = fault(value)
            if reason:
                refused.append((entry.seq, idx, reason))
            if not reason or not other:
                rows.append(
                    {
                        "characteristic": numbers[identity],
                        "time_ns": time_ns,
                        "value": None if reason else float(value),
                        "seq": entry.seq,
                        "idx": idx,
                        "subgroup": str(context["subgroup"]) if named else (entry.seq, first) if in_array else None,
                        "ends": in_array and bool(good) and place == good[-1],
                        "change": None if change == (None, None, None) else change,
                        "context": json.dumps(context, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                        if context
                        else "",
                        "state": 2 if reason else int(other),
                        "connector": plan.connectors.index(connector),
                    }
                )
            idx += 1
    return after


def usable(value):
    return type(value) in (str, int, float) and value != ""


def fault(value):
    if type(value) in (int, float):
        return "out-of-range" if abs(Fraction(value)) > 10**100 else None
    if value is None:
        return "absent-value"
    return "not-finite" if isinstance(value, NotFinite) else "wrong-type"


def match(patterns, topic):
    for pattern in patterns:
        names = re.findall(r"{(\w+)}", pattern)
        found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", pattern), topic)
        if found:
            return dict(zip(names, found.groups(), strict=True))
    return None


def moment(value, zone):
    if type(value) in (int, float):
        ns = Fraction(value) * 1_000_000
        return round(ns) if abs(ns) <= 2**62 else None
    if not isinstance(value, str):
        return None
    found = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})?",
        value,
    )
    if not found:
        return None
    day, clock, fraction, offset = found.groups()
    try:
        local = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    if offset is None:
        ahead = local.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    elif offset in "zZ":
        ahead = timedelta(0)
    else:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if hours > 23 or minutes > 59:
            return None
        ahead = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
    seconds = Fraction((local.replace(tzinfo=UTC) - ahead - EPOCH) // timedelta(seconds=1))
    ns = int((seconds * 10**9) + int(Fraction(f"0.{fraction or 0}") * 10**9))
    return ns if abs(ns) <= 2**62 else None
