"""The option `rules`: a list of rule names, a named set, or rules with a length of their own."""

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from rules.run_rules import RULE_SETS, RULES_BY_NAME
from rules.spec import RuleSpec


def _choice(value: Any) -> Any:
    """A named set as its rules; a list as it is, but each rule once."""
    if isinstance(value, str):
        if value not in RULE_SETS:
            alone = f'; a single rule stands in a list: ["{value}"]' if value in RULES_BY_NAME else ""
            raise ValueError(f"expected a list of rules or one of the sets {', '.join(RULE_SETS)}{alone}")
        return RULE_SETS[value]
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list of rules or one of the sets {', '.join(RULE_SETS)}")
    return value


def _rule(value: Any) -> RuleSpec:
    """`"9-on-one-side"` or `{ rule = "9-on-one-side", k = 8 }`."""
    if isinstance(value, RuleSpec):
        return value
    inline = {"rule": value} if isinstance(value, str) else value
    if not isinstance(inline, dict) or "rule" not in inline or inline.keys() - {"rule", "k"}:
        raise ValueError('expected the name of a rule, or { rule = "9-on-one-side", k = 8 }')
    name = inline["rule"]
    if not isinstance(name, str) or name not in RULES_BY_NAME:
        close = get_close_matches(str(name), RULES_BY_NAME, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"expected one of the rules {', '.join(RULES_BY_NAME)}{meant}")
    return RuleSpec(name, _length(name, inline["k"]) if "k" in inline else 0)


def _length(name: str, k: Any) -> int:
    """A length that the rule can have; its own, when given, is the table's default again."""
    rule = RULES_BY_NAME[name]
    if type(k) is not int or k < 2 or k > 1000 or (not rule.has_length and k != rule.k):
        expected = f"expected k from 2 to 1000 for {name}" if rule.has_length else f"{name} takes no k"
        raise ValueError(f"{expected} (got {k!r})")
    return 0 if k == rule.k else k


def _each_once(rules: tuple[RuleSpec, ...]) -> tuple[RuleSpec, ...]:
    names = [rule.name for rule in rules]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"expected each rule once; {repeated[0]} is there {names.count(repeated[0])} times")
    return rules


RuleChoice = Annotated[
    tuple[Annotated[RuleSpec, BeforeValidator(_rule)], ...], AfterValidator(_each_once), BeforeValidator(_choice)
]
