import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", name)[0]).lower()


def test_the_lock_has_a_hash_for_every_package_and_names_no_place():
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK.split("\n", 1)[1])
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==[^\s;]+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]
    assert not re.search(r"://|index-url|find-links|file:", LOCK)


def test_the_lock_holds_what_the_project_asks_for():
    locked = {normal(line) for line in LOCK.splitlines() if "==" in line}
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    assert {normal(name) for name in asked} <= locked


def test_the_image_is_built_of_a_part_of_the_lock_with_its_hashes():
    def blocks(lock: str) -> set[str]:
        found = re.split(r"\n(?=[a-z0-9])", lock.rstrip("\n").split("\n", 1)[1])
        return {re.sub(r" ; .*\\$", " \\\\", block, flags=re.M) for block in found}  # where it is for is not what it is

    runtime = (ROOT / "requirements.runtime.lock").read_text("utf-8")
    assert blocks(runtime) < blocks(LOCK)
    locked = {normal(line) for line in runtime.splitlines() if "==" in line}
    asked = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    assert {normal(name) for name in asked} <= locked
    assert not {"pytest", "mypy", "ruff", "playwright"} & locked


def test_make_help_lists_the_commands():
    done = subprocess.run(["make", "-s", "-C", ROOT, "help"], capture_output=True, text=True, check=True)
    listed = re.findall(r"^ +make ([a-z-]+)", done.stdout, re.MULTILINE)
    assert {"help", "demo", "test", "check", "bench", "fmt", "lock"} <= set(listed)
    assert subprocess.run(["make", "-s", "-C", ROOT], capture_output=True, text=True, check=True).stdout == done.stdout


def test_ci_runs_the_test_command_that_the_readme_names():
    assert re.search(r"^make test\b", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert re.search(r"\bmake test\b", (ROOT / "README.md").read_text("utf-8"))
    assert re.search(r"\bmake demo\b", (ROOT / "README.md").read_text("utf-8"))
