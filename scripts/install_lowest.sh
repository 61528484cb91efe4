#!/bin/sh
# Makes the environment LOWEST with the lowest versions of what pyproject.toml names, and with the torch of
# constraints.txt. Usage: install_lowest.sh BIN LOWEST, where BIN is the folder of the programs of an environment.
set -eu
bin=$1 lowest=$2

[ -e "$lowest/bin/python" ] || "$bin/python" -m venv "$lowest"
"$lowest/bin/python" -m pip install --quiet --no-compile --constraint constraints.txt uv
echo 'torch; python_version < "3"' >"$lowest/without-torch.txt"
"$lowest/bin/python" -m uv pip compile --quiet --no-header --no-annotate --python "$lowest/bin/python" \
    --resolution lowest-direct --override "$lowest/without-torch.txt" --extra test pyproject.toml >"$lowest/lowest.txt"
"$lowest/bin/python" -m uv pip install --quiet --python "$lowest/bin/python" --no-deps \
    --requirement "$lowest/lowest.txt"
# By pip, whose settings say where torch without CUDA is.
"$lowest/bin/python" -m pip install --quiet --no-compile "$(grep '^torch==' constraints.txt)"
