#!/bin/sh
# Make a virtual environment that holds what one lock file names, and this project on top of it, editable; the peers
# that we compare with get an environment without it, for their scripts know only files.
#
#   scripts/bootstrap.sh runtime|dev|peers|peers/NAME  (PYTHON=python3.12 chooses the interpreter, VENV=.venv the folder)
#
# A stamp in the environment holds the checksums of what it was made from, so repeating costs milliseconds. While work
# is under way the environment is marked incomplete; one that an interruption left so is made anew by the next run.
set -eu

lock=${1:?usage: scripts/bootstrap.sh runtime|dev|peers|peers/NAME}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
venv=${VENV:-.venv}
chosen=${PYTHON:-}
incomplete=$venv/incomplete
log=$venv/install.log

fail() {
    echo "qtrader: $*" >&2
    exit 1
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

is_new_enough() {
    case $1 in
    3.1[1-9] | 3.[2-9][0-9]) true ;;
    *) false ;;
    esac
}

# Sets python and version, to the interpreter that was asked for or to the first that is new enough.
find_python() {
    found=
    for python in ${chosen:-python3 python3.14 python3.13 python3.12 python3.11}; do
        version=$(version_of "$python")
        if is_new_enough "$version"; then return; fi
        if [ -n "$version" ]; then found="$found $python is $version,"; fi
    done
    found=${found:- no ${chosen:-python3} runs here,}
    fail "needs Python 3.11 or newer, but${found%,}; install one and name it: make PYTHON=python3.12 ${GOAL:-test}"
}

# What the environment for a lock is made from; the folder counts because scripts in it hold absolute paths.
key_of() {
    echo "$root"
    case $1 in
    peers/*) ;;
    *) cksum pyproject.toml ;;
    esac
    cksum "requirements/$1.txt"
}

is_current() {
    [ -x "$venv/bin/python" ] && [ ! -e "$incomplete" ] || return 1
    if [ -n "$chosen" ] && [ "$(version_of "$chosen")" != "$(version_of "$venv/bin/python")" ]; then return 1; fi
    key=$(key_of "$1")
    [ "$(cat "$venv/${1##*/}.stamp" 2>/dev/null)" = "$key" ]
}

# True where an environment of the right version, made in this folder and not left half done, can be installed into.
is_usable() {
    [ ! -e "$incomplete" ] || return 1
    present=$(version_of "$venv/bin/python")
    if [ -n "$chosen" ]; then
        [ "$present" = "$(version_of "$chosen")" ] || return 1
    fi
    is_new_enough "$present" || return 1
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    for stamp in "$venv"/*.stamp; do
        if [ -e "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$root" ]; then return 1; fi
    done
}

make_venv() {
    find_python
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module; on Debian: apt-get install python$version-venv"
    if [ -d "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ ! -e "$incomplete" ] && ! rmdir "$venv" 2>/dev/null; then
        fail "$venv is a folder but no virtual environment; choose another with make VENV=.venv"
    fi
    echo "Making $venv with $python ($version)"
    rm -rf "$venv"
    mkdir -p "$venv"
    : >"$incomplete"
    "$python" -m venv "$venv" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "$python could not make $venv; on Debian: apt-get install python$version-venv"
    }
}

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check install --no-input --quiet "$@" >"$log" 2>&1 && return
    # Unless a signal ended it, pip has undone what it began, so what was there before is still good.
    if [ $? -lt 128 ]; then rm -f "$incomplete"; fi
    if grep -q -E 'Failed to establish|NewConnection|NameResolution|ConnectTimeout|ReadTimeout|ProxyError|Max retries' "$log"; then
        fail "no network: the packages of requirements/$lock.txt come from the package index, which pip cannot reach;" \
            "connect, or set PIP_INDEX_URL to a mirror, and run make again"
    fi
    cat "$log" >&2
    fail "pip could not install requirements/$lock.txt; its messages stand above"
}

is_done() {
    is_current "$lock" || { [ "$lock" = runtime ] && is_current dev; }
}

if is_done; then exit; fi
trap 'exit 130' HUP INT TERM
# Runs at the same time take turns; pip inherits the lock, so one that outlives an interruption is waited for, too.
exec 9<pyproject.toml
if command -v flock >/dev/null; then flock 9; fi
if is_done; then exit; fi

is_usable || make_venv
# Whoever has the larger set keeps it: the smaller lock is part of it, and nothing is put back.
if [ "$lock" = runtime ] && [ -e "$venv/dev.stamp" ]; then lock=dev; fi
echo "Installing requirements/$lock.txt into $venv (the first time takes a minute or two)"
: >"$incomplete"
rm -f "$venv"/*.stamp
# The lock is complete, so pip resolves nothing; wheels only, for a build would fetch tools that no hash pins.
pip_install --no-deps --require-hashes --only-binary :all: -r "requirements/$lock.txt"
case $lock in
peers | peers/*) ;;
*) pip_install --no-deps --no-build-isolation --editable . ;;
esac
key_of "$lock" >"$venv/${lock##*/}.stamp"
rm -f "$incomplete" "$log"
