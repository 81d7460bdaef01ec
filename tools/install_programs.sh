#!/usr/bin/env bash
# Installs the servers and the browser that the tests talk to, where they are absent: programs only; no
# service is started, now or at the next boot. What cannot be installed is named, and the tests that need
# it are skipped (with CI=true they fail).
set -euo pipefail
cd "$(dirname "$0")"
. ./apt.sh

PATH=$PATH:/usr/sbin:/usr/local/sbin  # where Debian keeps servers; not on everybody's PATH
declare -A program=([mosquitto]=mosquitto [mosquitto-clients]=mosquitto_pub [influxdb]=influxd [chromium]=chromium
    [nodejs]=node [npm]=npm
    [docker-compose]=docker-compose)

for package in "$@"; do
    command -v "${program[$package]}" >/dev/null && continue
    if apt_install "$package"; then
        if [ -d /run/systemd/system ] && systemctl is-enabled --quiet "$package" 2>/dev/null; then
            as_root systemctl disable --quiet "$package"
        fi
    else
        echo "plumbline: going on without $package: the tests that need it will say so" >&2
    fi
done
