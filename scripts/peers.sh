#!/bin/sh
# Make the environments of the peers that benchmarks/ compares with, one folder each below .venv-peers, from the locks
# in requirements/peers; a peer that cannot be installed here is named, and the others go on.
#
#   scripts/peers.sh [NAME ...]  (PEERS_VENV=.venv-peers the folder, PYTHON=python3.12 the interpreter for all)
#
# A line `# python 3.12` in a peer's .in file is the oldest Python that it runs on; the first interpreter that is new
# enough is taken, from the PATH or from pyenv.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
folder=${PEERS_VENV:-.venv-peers}
chosen=${PYTHON:-}

# What earlier versions made here was one environment for all.
if [ -e "$folder/pyvenv.cfg" ]; then rm -rf "$folder"; fi

is_at_least() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    case $version in
    3.*) [ "${version#3.}" -ge "${2#3.}" ] ;;
    *) false ;;
    esac
}

interpreter_for() {
    for python in ${chosen:-python3 python3.11 python3.12 python3.13 python3.14 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[1-9]*/bin/python}; do
        if is_at_least "$python" "$1"; then
            echo "$python"
            return
        fi
    done
    return 1
}

if [ $# -eq 0 ]; then
    for lock in requirements/peers/*.in; do
        name=${lock##*/}
        set -- "$@" "${name%.in}"
    done
fi

missing=
for name in "$@"; do
    oldest=$(grep '^# python ' "requirements/peers/$name.in") || oldest='# python 3.11'
    oldest=${oldest#\# python }
    if ! python=$(interpreter_for "$oldest"); then
        echo "qtrader: $name needs Python $oldest or newer, and none is here" >&2
        missing="$missing $name"
        continue
    fi
    # An environment that is made already keeps its interpreter.
    if [ -z "$chosen" ] && [ -x "$folder/$name/bin/python" ]; then python=; fi
    PYTHON=$python VENV=$folder/$name GOAL=peers sh scripts/bootstrap.sh "peers/$name" || missing="$missing $name"
done
if [ -n "$missing" ]; then echo "qtrader: without these peers:$missing" >&2; fi
