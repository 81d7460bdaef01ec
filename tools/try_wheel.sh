#!/usr/bin/env bash
# Builds the wheel, installs it into a fresh environment outside the checkout, and runs it there.
set -euo pipefail
cd "$(dirname "$0")/.."
checkout=$PWD
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT

.venv/bin/python -m hatchling build -t wheel -d "$outside" >/dev/null
"$(readlink -f .venv/bin/python)" -m venv "$outside/venv"
pip=("$outside/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps)
"${pip[@]}" --only-binary :all: --require-hashes --requirement requirements.runtime.lock
"${pip[@]}" "$outside"/plumbline-*.whl
cd "$outside"
venv/bin/plumbline --help
venv/bin/plumbline check "$checkout/config/plant.example.toml"
echo "the wheel $(basename "$outside"/plumbline-*.whl) runs outside the checkout"
