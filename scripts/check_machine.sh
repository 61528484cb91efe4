#!/bin/sh
# Says in one sentence what is missing on this machine, before anything is installed. Usage: check_machine.sh PYTHON
python=${1:-python3}

fail() {
    echo "apercu: $*" >&2
    exit 1
}

"$python" -c '' >/dev/null 2>&1 ||
    fail "no working Python is called '$python'; install Python 3.11 or newer, or name it: make PYTHON=/path/to/python."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; install Python 3.11 or newer, or name it: make PYTHON=/path/to/python."
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fail "this Python cannot make environments; install its venv module (Debian and Ubuntu: apt install python3-venv)."

# The first of these that CMake, too, would take. It has to compile a file, not only to exist: a Mac without its
# command line tools has a cc that only asks for them, and a gcc without the C library's headers is no compiler.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo '#include <stdint.h>
#include <string.h>
int main(void) { return 0; }' >"$work/probe.c"
for compiler in ${CC:-cc gcc clang}; do
    "$compiler" -std=c99 "$work/probe.c" -o "$work/probe" >/dev/null 2>&1 && exit 0
done
fail "no C compiler works here, and the kernel is compiled on this machine; install one (Debian and Ubuntu: apt install \
gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select --install), or name it: make CC=/path/to/cc."
