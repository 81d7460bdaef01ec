"""`python -m config.grafana` writes the dashboards anew; with `--check` it says which are not as the code has them."""

import sys
from pathlib import Path

from config.grafana.boards import BOARDS
from config.grafana.export import FOLDER, file_name, text_of


def main(arguments: list[str]) -> int:
    """Write or check; the result is the exit status."""
    wanted = {file_name(board): text_of(board) for board in BOARDS}
    there = {path.name: path.read_text("utf-8") for path in sorted(Path(FOLDER).glob("*.json"))}
    if arguments == ["--check"]:
        other = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        print("\n".join(f"{name}: not as the code has it; run `make dashboards`" for name in other), end="")
        return 1 if other else 0
    for name in there.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
