"""The dashboards' JSON against the types of @grafana/schema: panels by kind, field settings, overrides one by one."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.grafana_asks import boards, panels
from tests.npm import install
from tests.programs import require_program

TYPES = Path(__file__).parents[1] / "dashboards"
OPTIONS = {
    "strict": True, "noEmit": True, "skipLibCheck": True, "module": "esnext", "moduleResolution": "bundler",
    "target": "es2022", "types": [],
}  # fmt: skip


def typescript(board: dict[str, Any]) -> Iterator[str]:
    """The board as a literal of its type, and each override as literals of what it overrides."""
    yield 'import type { Board, Custom, Field } from "./types";'
    yield f"export const board: Board = {json.dumps(board)};"
    for panel in panels(board):
        for number, override in enumerate(panel["fieldConfig"]["overrides"]):
            given = {entry["id"]: entry["value"] for entry in override["properties"]}
            custom = {name.removeprefix("custom."): value for name, value in given.items() if "." in name}
            field = {name: value for name, value in given.items() if "." not in name}
            name = f"panel{panel['id']}_{number}"
            yield f'export const {name}_custom: Custom["{panel["type"]}"] = {json.dumps(custom)};'
            yield f"export const {name}_field: Field = {json.dumps(field)};"


def faults(folder: Path, texts: dict[str, str]) -> str:
    """What the compiler has against these files."""
    install(TYPES, "typescript")
    folder.mkdir(exist_ok=True)
    shutil.copy(TYPES / "types.ts", folder)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(TYPES / "node_modules")
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "files": list(texts)}))
    compiler = TYPES / "node_modules" / "typescript" / "bin" / "tsc"
    command = [require_program("node"), str(compiler), "--pretty", "false", "-p", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (ended.returncode == 0) is (ended.stdout == ""), ended.stderr
    return ended.stdout


def test_every_dashboard_is_of_grafanas_types(tmp_path: Path) -> None:
    texts = {f"{uid}.ts": "\n".join(typescript(board)) for uid, board in boards().items()}
    assert faults(tmp_path, texts) == ""


def test_the_types_find_what_grafana_has_not(tmp_path: Path) -> None:
    board = boards()["plumbline-characteristic"]
    chart = next(panel for panel in panels(board) if panel["type"] == "timeseries")
    chart["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = "stepwise"
    chart["fieldConfig"]["overrides"][0]["properties"].append({"id": "custom.dashed", "value": True})
    found = faults(tmp_path, {"board.ts": "\n".join(typescript(board))})
    assert "stepwise" in found
    assert "'dashed'" in found or '"dashed"' in found
