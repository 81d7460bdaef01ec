# Sourced by the scripts beside it: `apt_install PACKAGE` installs a package of the distribution and
# starts nothing. Says what it does; returns 1, having said why, where it cannot.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"  # may ask for the password
    else
        sudo -n "$@"
    fi
}

apt_possible() {
    if ! command -v apt-get >/dev/null; then
        echo "plumbline: there is no apt-get here: install $1 yourself" >&2
        return 1
    fi
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "plumbline: neither root nor sudo: install $1 yourself" >&2
        return 1
    fi
}

apt_update_once() {
    [ -n "${APT_UPDATED:-}" ] && return 0
    as_root apt-get update -qq >&2 || return 1
    APT_UPDATED=yes
}

# A package's installation script asks policy-rc.d before it starts a service: 101 means no.
apt_install() {
    local package=$1 policy=/usr/sbin/policy-rc.d ours=no status=0
    apt_possible "$package" || return 1
    echo "plumbline: installing $package by apt$([ "$(id -u)" = 0 ] || echo ' with sudo') ..." >&2
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null || return 1
        ours=yes
        trap "as_root rm -f $policy" EXIT  # Ctrl-C too
        as_root chmod 755 $policy
    fi
    { apt_update_once && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=240 install -y -qq --no-install-recommends "$package" >&2; } || status=1
    if [ $ours = yes ]; then
        as_root rm -f $policy
        trap - EXIT
    fi
    [ $status = 0 ] || echo "plumbline: apt could not install $package" >&2
    return $status
}
