import re
from pathlib import Path

from board.history.overview import STATUSES
from board.language import language
from board.pages.health.advice import of_refusal
from rules.data_quality import DATA_QUALITY
from rules.progress import REASONS
from rules.records import LIMITS_STATES
from rules.run_rules import RUN_RULES
from rules.verdicts import VERDICTS

ROOT = Path(__file__).resolve().parents[2]
MEANINGS = language("en").section("meaning")


def test_every_word_that_the_board_shows_has_its_sentence() -> None:
    words = {*VERDICTS, *REASONS.values(), *(rule.name for rule in RUN_RULES), *(word for word, _ in STATUSES)}
    assert words - {"out-of-spec"} <= MEANINGS.keys()
    assert {signal.rule for signal in DATA_QUALITY} | {"remeasured"} <= MEANINGS.keys()
    assert set(LIMITS_STATES) - {"none"} <= MEANINGS.keys()


def test_every_reason_to_refuse_has_its_sentence() -> None:
    found = set[str]()
    flows = (ROOT / "flows" / f"{name}.py" for name in ("holdback", "meant", "corrections"))
    for path in (*(ROOT / "connectors").glob("**/*.py"), *flows):
        text = path.read_text("utf-8")
        for pattern in (
            r'reject\(\w+, \w+, "([a-z-]+)"',
            r'Unreadable\("([a-z-]+)"',
            r'return "([a-z-]+)", f?"expected',
            r'Refused\("([a-z-]+)"',
            r'REASON = "([a-z-]+)"',
            r'reason, detail = "([a-z-]+)"',
        ):
            found |= set(re.findall(pattern, text))
    assert {"not-json", "unknown-topic", "not-finite", "not-counted", "wrong-chart", "journal-gone"} <= found
    assert found <= MEANINGS.keys()
    assert {reason for reason in found if of_refusal(reason) == "other"} == set(), "what is to be done about them?"


def test_a_rule_says_no_number_that_the_plant_file_may_change() -> None:
    for rule in RUN_RULES:
        assert "{" not in MEANINGS[rule.name]
        if rule.has_length:
            assert not MEANINGS[rule.name].startswith(str(rule.k))
