#!/usr/bin/env bash
# Renews requirements.lock: the newest versions that pyproject.toml allows, for Python 3.11 and 3.12 and
# every platform, each file with its hash. The lock names packages only, never where they came from. The part of it
# that the image is built of, and a plant runs on, is requirements.runtime.lock.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv
if [ ! -x $uv ]; then
    uv=$(command -v uv) || { echo "plumbline: make lock needs uv (or .venv, which has it)" >&2; exit 1; }
fi
new=$(mktemp)
trap 'rm -f "$new"' EXIT

# compile WHAT-IT-IS ARGUMENT...: what uv makes of these arguments, in the file $new
compile() {
    {
        echo "# Made by \`make lock\` from pyproject.toml: $1."
        $uv pip compile pyproject.toml "${@:2}" --universal --generate-hashes --python-version 3.11 --quiet \
            --no-header --no-annotate --no-emit-index-url --no-emit-find-links
    } >"$new"
    if grep -nE '://|--(extra-)?index-url|--find-links|file:| @ ' "$new"; then
        echo "plumbline: the lines above name a place, and a lock must not: the locks stay as they were" >&2
        exit 1
    fi
}

compile "what Plumbline runs on and is developed with" --group dev --upgrade
cat "$new" >requirements.lock
compile "what the image is built of" --group image --constraint requirements.lock
cat "$new" >requirements.runtime.lock
for lock in requirements.lock requirements.runtime.lock; do
    echo "$lock: $(grep -c '==' $lock) packages"
done
