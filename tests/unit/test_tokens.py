"""The file of access tokens: hashed, for its owner only, one writer, and read again when it has changed."""

import ast
import inspect
import json
import os
import textwrap
from hashlib import sha256
from pathlib import Path

import pytest

from config.roles import Asker, Role
from connectors.errors import AlreadyRunning, WrongInput
from connectors.locking import RoleLock
from connectors.tokens import (
    FILE,
    PUSH_FILE,
    Tokens,
    add_token,
    digest_of,
    make_push_token,
    read_tokens,
    revoke_token,
)


def tokens(data: Path, *, always: bool = False, push_digest: str = "") -> Tokens:
    return Tokens(data / FILE, always=always, push_digest=push_digest)


def test_a_token_is_long_random_and_not_in_the_file(tmp_path: Path) -> None:
    made = {add_token(tmp_path, f"t{k}", Role.READ) for k in range(20)}
    assert len(made) == 20
    assert all(one.startswith("plumbline_") and len(one) == len("plumbline_") + 43 for one in made)  # 43 · 6 bits
    text = (tmp_path / FILE).read_text()
    assert not any(one.removeprefix("plumbline_") in text for one in made)
    assert all(sha256(one.encode()).hexdigest() in text for one in made)


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        add_token(tmp_path, "wang", Role.READ)
        make_push_token(tmp_path)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in (FILE, PUSH_FILE)] == [0o600, 0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == [PUSH_FILE, FILE, "tokens.lock"]


def test_who_shows_a_token_is_known_by_its_name_and_role(tmp_path: Path) -> None:
    text = add_token(tmp_path, "王师傅", Role.WRITE)
    found = tokens(tmp_path).by_token(text)
    assert found is not None
    assert (found.name, found.role) == ("王师傅", Role.WRITE)
    assert tokens(tmp_path).by_id(found.token) == found
    for other in ("", text[:-1], text + "x", text.upper(), digest_of(text)):
        assert tokens(tmp_path).by_token(other) is None


def test_what_changes_is_seen_without_a_restart(tmp_path: Path) -> None:
    open_ones = tokens(tmp_path)
    assert not open_ones.required
    wang = add_token(tmp_path, "wang", Role.READ)
    assert open_ones.required
    assert open_ones.by_token(wang) is not None
    li = add_token(tmp_path, "li", Role.ADMIN)
    revoke_token(tmp_path, "wang")
    assert (open_ones.by_token(wang), open_ones.by_token(li) is not None) == (None, True)


def test_the_last_token_that_is_revoked_opens_nothing(tmp_path: Path) -> None:
    open_ones, text = tokens(tmp_path), add_token(tmp_path, "wang", Role.READ)
    revoke_token(tmp_path, "wang")
    assert (open_ones.required, open_ones.missing, open_ones.by_token(text)) == (True, True, None)


def test_beyond_this_machine_a_token_is_needed_before_there_is_one(tmp_path: Path) -> None:
    assert (tokens(tmp_path, always=True).required, tokens(tmp_path).required) == (True, False)
    assert (tokens(tmp_path, always=True).missing, tokens(tmp_path).missing) == (True, False)


def test_a_token_is_over_when_its_days_are(tmp_path: Path) -> None:
    text = add_token(tmp_path, "guest", Role.READ, days=2)
    (one,) = read_tokens(tmp_path / FILE) or ()
    assert not one.is_over
    assert tokens(tmp_path).by_token(text) is not None
    lines = json.loads((tmp_path / FILE).read_text())
    lines[0]["until"] = "2020-01-01T00:00:00+00:00"
    (tmp_path / FILE).write_text(json.dumps(lines))
    assert tokens(tmp_path).by_token(text) is None
    assert tokens(tmp_path).by_id(one.id) is None


def test_a_name_is_there_once_and_an_unknown_one_cannot_be_revoked(tmp_path: Path) -> None:
    add_token(tmp_path, "wang", Role.READ)
    with pytest.raises(WrongInput, match="'wang' is there already"):
        add_token(tmp_path, "wang", Role.ADMIN)
    with pytest.raises(WrongInput, match="there is no token 'li'"):
        revoke_token(tmp_path, "li")


def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    with RoleLock(tmp_path / "tokens.lock", "token"), pytest.raises(AlreadyRunning):
        add_token(tmp_path, "wang", Role.READ)
    assert read_tokens(tmp_path / FILE) is None


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": "x"}]', '{"a": 1}', '[{"role": "owner"}]', "null"])
def test_a_file_that_is_none_lets_nobody_in(tmp_path: Path, content: str) -> None:
    text = add_token(tmp_path, "wang", Role.ADMIN)
    open_ones = tokens(tmp_path)
    assert open_ones.by_token(text) is not None
    (tmp_path / FILE).write_text(content)
    assert (open_ones.required, open_ones.by_token(text)) == (True, None)
    assert FILE in open_ones.trouble
    with pytest.raises(WrongInput, match="delete it and make new ones"):
        add_token(tmp_path, "li", Role.READ)


def test_the_forwarders_secret_is_made_anew_and_only_pushes(tmp_path: Path) -> None:
    first, old = make_push_token(tmp_path), (tmp_path / PUSH_FILE).read_text()
    second, new = make_push_token(tmp_path), (tmp_path / PUSH_FILE).read_text()
    assert first != second
    open_ones = tokens(tmp_path, always=True, push_digest=second)
    assert open_ones.by_token(old) is None
    assert open_ones.by_token(new) == Asker("plumbline", Role.PUSH, "push")
    assert open_ones.by_id("push") is None  # no browser signs in with it


def test_every_token_is_compared_in_constant_time() -> None:
    """No `==` on a digest, and no way out of the loop before its end."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Tokens.by_token)))
    (loop,) = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    inside = list(ast.walk(loop))
    assert not [node for node in inside if isinstance(node, ast.Compare | ast.Return | ast.Break)]
    calls = [node.func for node in inside if isinstance(node, ast.Call)]
    assert [ast.unparse(call) for call in calls] == ["hmac.compare_digest"]
