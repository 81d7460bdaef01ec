import pytest
from paho.mqtt.client import topic_matches_sub

from connectors.topics import compile_pattern, filters

PATTERNS = ["factory/{line}/{station}/measurements", "a/{b}", "a/+/c", "a/#", "{x}/b", "#", "a", "/{x}", "a/{b}/#"]
TOPICS = [
    *("factory/line1/op10/measurements", "factory/line1/measurements", "factory//op10/measurements"),
    *("a", "a/", "a/b", "a/b/c", "a/b/c/d", "b", "x/b", "/x", "/", "A/b", "a/b/", "$SYS/b", "Ünï/b", "a/b\nc"),
]


def test_named_parts_become_wildcards_and_come_out_by_name() -> None:
    pattern = compile_pattern("factory/{line}/{station}/measurements")
    assert pattern.filter == "factory/+/+/measurements"
    assert pattern.match("factory/line1/op10/measurements") == {"line": "line1", "station": "op10"}
    assert pattern.match("factory/line1/op10/state") is None


@pytest.mark.parametrize("text", PATTERNS)
def test_a_pattern_matches_what_a_broker_would_deliver_for_its_filter(text: str) -> None:
    pattern = compile_pattern(text)
    for topic in TOPICS:
        assert (pattern.match(topic) is not None) == topic_matches_sub(pattern.filter, topic), topic


@pytest.mark.parametrize("text", ["", "a/{b", "a/x{b}", "a/#/b", "{b}/{b}", "a/b+", "$share/g/a", "a/{name}"])
def test_a_pattern_that_is_none_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compile_pattern(text)


def test_two_patterns_of_one_filter_are_subscribed_to_once() -> None:
    assert filters(["a/{b}", "c", "a/{d}"]) == ("a/+", "c")
