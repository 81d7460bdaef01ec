#!/usr/bin/env bash
# Renews requirements.lock: the newest versions that pyproject.toml allows, for Python 3.11 and 3.12 and
# every platform, each file with its hash. The lock names packages only, never where they came from.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
if [ ! -x $uv ]; then
    uv=$(command -v uv) || { echo "plumbline: make lock needs uv (or .venv, which has it)" >&2; exit 1; }
fi
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
    echo "# Made by \`make lock\` from pyproject.toml: what Plumbline runs on and is developed with."
    $uv pip compile pyproject.toml --group dev --universal --generate-hashes --python-version 3.11 --upgrade --quiet \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links
} >"$new"
if grep -nE '://|--(extra-)?index-url|--find-links|file:| @ ' "$new"; then
    echo "plumbline: the lines above name a place, and a lock must not: requirements.lock stays as it was" >&2
    exit 1
fi
cat "$new" >requirements.lock
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
