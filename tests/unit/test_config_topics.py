import pytest

from config.topics import TopicPattern, could_be, template_names


def test_a_pattern_gives_its_filter_and_its_parts() -> None:
    pattern = TopicPattern.parse("factory/{line}/{station}/+/#")
    assert pattern.subscription == "factory/+/+/+/#"
    assert pattern.parts == ("line", "station")
    assert pattern.match("factory/l1/op10/x") == {"line": "l1", "station": "op10"}
    assert pattern.match("factory/l1/op10/x/y/z") == {"line": "l1", "station": "op10"}
    assert pattern.match("factory/l1/op10") is None


def test_system_topics_are_only_taken_by_name() -> None:
    for text in ("#", "+/uptime", "{system}/uptime"):
        assert TopicPattern.parse(text).match("$SYS/uptime") is None
    assert TopicPattern.parse("$SYS/#").match("$SYS/uptime") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1 to 65535 bytes"),
        ("a\0b", "1 to 65535 bytes"),
        ("a" * 65_536, "1 to 65535 bytes"),
        ("$share/group/a", "shared subscriptions"),
        ("a/#/b", "last level"),
        ("a/b#", "fills a whole level"),
        ("a+/b", "fills a whole level"),
        ("a/{Line}", "fills a whole level"),
        ("a/{line", "fills a whole level"),
        ("{line}/{line}", "{line} occurs twice"),
        ("a/{name}", "another part name"),
    ],
)
def test_a_pattern_that_is_none_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopicPattern.parse(text)


def test_a_template_names_what_it_needs() -> None:
    assert template_names("{line}/{station}-{name}") == ("line", "station", "name")
    for text in ("{", "}", "{a}}", "{A}", "{}", "{{a}}"):
        with pytest.raises(ValueError, match="brace"):
            template_names(text)


def test_an_id_is_one_that_a_template_can_give_or_not() -> None:
    assert could_be("{line}/{station}/{name}", "line1/op10/bore")
    assert not could_be("{line}/{station}/{name}", "line1/bore")
    assert could_be("press.{name}", "press.force")
    assert not could_be("press.{name}", "pressXforce")
