#!/usr/bin/env bash
# Builds or renews the environment named by $1 from requirements.lock: every package pinned and hashed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh
environment=$1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

find_python() {
    local name
    for name in python3.12 python3.11 python3; do
        if command -v $name >/dev/null && fits $name; then
            echo $name
            return
        fi
    done
    echo "plumbline: needs Python 3.11 or 3.12 (python3.12, python3.11 or python3 on the PATH);" \
        "found $(python3 --version 2>/dev/null || echo none)" >&2
    return 1
}

# Debian keeps a part of the standard library, ensurepip, in a package of its own.
complete_python() {
    local python=$1 version
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "plumbline: $python comes without its venv module" >&2
    apt_install "python$version-venv" || apt_install python3-venv
}

if [ ! -x "$environment/bin/python" ] || ! fits "$environment/bin/python"; then
    python=$(find_python)
    complete_python "$python"
    echo "plumbline: creating $environment with $("$python" --version)" >&2
    "$python" -m venv --clear "$environment"
fi
echo "plumbline: installing the packages of requirements.lock" >&2
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes --requirement requirements.lock
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
