"""Formulas of the documentation: a block fenced as `math` holds TeX, and becomes MathML, which browsers draw."""

from typing import Any

from latex2mathml.converter import convert


def is_formula(language: str, inputs: dict[str, str], options: dict[str, Any], attrs: dict[str, Any], md: Any) -> bool:
    """Whether a fenced block is taken: it has no options."""
    return not inputs


def formula(source: str, language: str, css_class: str, options: dict[str, Any], md: Any, **rest: Any) -> str:
    """The block as MathML, each formula (they are parted by an empty line) on a line of its own."""
    parts = [part for part in source.split("\n\n") if part.strip()]
    inner = "".join(f'<div class="formula">{convert(part.strip(), display="block")}</div>' for part in parts)
    return f'<div class="formulas" tabindex="0">{inner}</div>'
