"""The characteristics that a Q-DAS file describes (K2xxx), as tables for a plant file.

| option | from |
|---|---|
| id | the template, with `product` (K1001, else K1002) and `name` (K2002, else K2001) in ASCII |
| `unit` | K2142 |
| `target` | K2101 |
| `lsl`, `usl` | K2110, K2111, else K2101 + K2112, K2101 + K2113; a natural limit (K2120, K2121 = 2) is none |
| `chart`, `subgroup_size` | K8500: 1 individuals, 2 to 10 X̄-R, up to 1,000 X̄-S |

What a plant file would refuse is left out, and the comment beside it says why.
"""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from config.topics import template_names
from connectors.dfq_description import Characteristic, read_descriptions
from connectors.errors import WrongInput
from connectors.measured_table import Q_DAS

_NUMBER, _NAME, _DECIMALS, _NOMINAL, _UNIT, _SUBGROUP = 2001, 2002, 2022, 2101, 2142, 8500
_LOWER, _UPPER = (2110, 2112, 2120), (2111, 2113, 2121)  # absolute, from the nominal, what kind of limit
_NATURAL = "2"
_LARGEST_RANGE, _LARGEST = 10, 1000  # subgroups that are charted by their range, and at all


def import_plan(path: Path, template: str = Q_DAS.template) -> str:
    """TOML that can be appended to a plant file. Raises `WrongInput` and `OSError`."""
    try:
        names = set(template_names(template))
    except ValueError as error:
        raise WrongInput(f"--characteristic: {error} (got {template!r})") from error
    if not names <= {"product", "name"} or "name" not in names:
        expected = "expected {name} and perhaps {product} in it"
        raise WrongInput(f"--characteristic: {expected} (got {template!r})")
    lines, seen = [f"# The characteristics of {path.name}."], set[str]()
    for description in read_descriptions(path):
        for one in description.characteristics.values():
            identity = template.format(product=one.product, name=one.name)
            if identity not in seen:
                seen.add(identity)
                lines += ["", *_table(identity, one)]
    if not seen:
        raise WrongInput(f"{path}: expected characteristics (K2001, K2002, …), got none")
    return "\n".join(lines) + "\n"


def _table(identity: str, one: Characteristic) -> Iterator[str]:
    said = [f"K{key} {_one_line(one.keys[key])}" for key in (_NUMBER, _NAME) if key in one.keys]
    if said:
        yield f"# {', '.join(said)}"
    if one.attributive:
        yield f"# {identity}: attributive (K2004 {one.keys[2004]}): it counts parts, and has inspections, not readings"
        return
    yield f"[characteristics.{json.dumps(identity)}]"
    yield f"product = {json.dumps(one.product)}"
    if _UNIT in one.keys:
        yield f"unit = {json.dumps(_one_line(one.keys[_UNIT]), ensure_ascii=False)}"
    yield from _specification(one)
    if (decimals := _whole(one, _DECIMALS)) is not None and 0 < decimals <= 9:
        yield f"# resolution = {Decimal(1).scaleb(-decimals):f}   # K2022 {decimals}: if that is the gauge's step"
    yield from _chart(one)


def _specification(one: Characteristic) -> Iterator[str]:
    target = _number(one, _NOMINAL)
    lsl, usl = (_limit(one, target, *keys) for keys in (_LOWER, _UPPER))
    if lsl is not None and usl is not None and lsl >= usl:
        yield f"# lsl {lsl}, usl {usl}: the lower limit is not below the upper one"
        lsl = usl = None
    if lsl is not None:
        yield f"lsl = {_toml(lsl)}"
    if usl is not None:
        yield f"usl = {_toml(usl)}"
    if target is not None:
        outside = (lsl is not None and target < lsl) or (usl is not None and target > usl)
        yield f"# target {target}: outside the limits" if outside else f"target = {_toml(target)}"


def _limit(one: Characteristic, target: Decimal | None, absolute: int, relative: int, kind: int) -> Decimal | None:
    if one.keys.get(kind) == _NATURAL:
        return None
    found, tolerance = _number(one, absolute), _number(one, relative)
    if found is None and tolerance is not None and target is not None:
        return target + tolerance
    return found


def _chart(one: Characteristic) -> Iterator[str]:
    size = _whole(one, _SUBGROUP)
    if size is None or size == 1:
        return
    if not 1 < size <= _LARGEST:
        yield f"# subgroup_size {size}: expected 1 to {_LARGEST}"
        return
    yield f'chart = "{"xbar-r" if size <= _LARGEST_RANGE else "xbar-s"}"'
    yield f"subgroup_size = {size}"


def _number(one: Characteristic, key: int) -> Decimal | None:
    try:
        value = Decimal(one.keys[key].replace(",", "."))
    except (KeyError, InvalidOperation):
        return None
    return value if value.is_finite() and abs(value) < Decimal("1e100") else None


def _whole(one: Characteristic, key: int) -> int | None:
    value = _number(one, key)
    return int(value) if value is not None and value == value.to_integral_value() else None


def _toml(value: Decimal) -> str:
    return repr(float(value))


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]
