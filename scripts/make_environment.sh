#!/bin/sh
# Makes the environment VENV, or leaves it alone where it still fits. Usage: make_environment.sh VENV PYTHON ORIGIN
#
# VENV/made-by.txt is written again only when the environment is. It says what the environment depends on: its folder
# (scripts in it hold the path) and its interpreter, which is PYTHON where someone asked for it (ORIGIN other than
# "file", the Makefile's own default), else whichever the environment was made with.
venv=$1 python=$2 origin=$3
made_by=$venv/made-by.txt

identity() {
    "$1" -c 'import os, sys; print(os.getcwd(), sys.base_prefix, sys.version)' 2>&1
}

wanted=$python
if [ "$origin" = file ] && "$venv/bin/python" -c '' 2>/dev/null; then
    wanted=$venv/bin/python
fi
if [ -e "$made_by" ] && [ "$(identity "$wanted")" = "$(cat "$made_by")" ]; then
    exit 0
fi

sh scripts/check_machine.sh "$python" || exit 1
if [ -e "$venv" ] && [ ! -e "$made_by" ]; then
    echo "apercu: $venv was not made by this Makefile; move it away first." >&2
    exit 1
fi
echo "Making the environment $venv"
rm -rf "$venv" && mkdir "$venv" && echo unfinished >"$made_by" && "$python" -m venv "$venv" &&
    identity "$venv/bin/python" >"$made_by"
