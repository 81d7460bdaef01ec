import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("rules", "config", "connectors", "flows")  # each may import those before it
BESIDE = ("okr", "board")  # may import rules, config and themselves; composed by flows' processes
PACKAGES = (*LAYERS, *BESIDE)
COMPOSERS = {"flows/cli.py", "flows/web.py"}  # the composition root, and the process that serves okr and board
IMPURE = {
    *("asyncio", "concurrent", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib", "uuid"),
}
PURE_PACKAGES = {"numpy", "numba"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}

FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield node.module or ""


def allowed(path: Path) -> set[str]:
    package = path.relative_to(ROOT).parts[0]
    if name_of(path) in COMPOSERS:
        return set(PACKAGES)
    if package in BESIDE:
        return {"rules", "config", package}
    return set(LAYERS[: LAYERS.index(package) + 1])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    ours = {module.split(".")[0] for module in imports(path)} & {*PACKAGES, "tests", "benchmarks"}
    assert ours <= allowed(path)


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to(ROOT / "rules")], ids=name_of)
def test_rules_know_no_clock_no_log_no_environment_no_network_and_no_file(path: Path) -> None:
    modules = {module.split(".")[0] for module in imports(path)}
    assert not modules & IMPURE
    assert not modules & {"bytewax", "pydantic"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in {"now", "utcnow", "today"}


def test_rules_need_numpy_and_numba_alone() -> None:
    modules = {module.split(".")[0] for path in (ROOT / "rules").rglob("*.py") for module in imports(path)}
    assert modules - set(sys.stdlib_module_names) <= {*PURE_PACKAGES, "rules"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_is_a_noun_and_of_a_size_to_be_read(path: Path) -> None:
    assert path.stem not in FORBIDDEN_NAMES
    assert path.read_text("utf-8").count("\n") <= 400


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_an_ignored_type_error_says_why(path: Path) -> None:
    above = ""
    for line in path.read_text("utf-8").splitlines():
        if "# type: ignore" in line:
            here = re.search(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\] +[#–-] ?\w", line)
            assert here or above.lstrip().startswith("# "), line
        above = line


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_handler_swallows_every_exception(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"BaseException"}
        if names & {"Exception", "BaseException"}:
            kept = any(isinstance(n, ast.Raise) or (isinstance(n, ast.Assign) and node.name) for n in ast.walk(node))
            assert kept, f"{name_of(path)}:{node.lineno} goes on whatever happened"


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_what_it_is_for(package: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8")))
