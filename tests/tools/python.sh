#!/bin/sh
# Print the newest Python (3.11 or later) that really runs: names on the PATH may be version managers' shims that do not.
# `python.sh oldest` prints the oldest one that ansible-core 2.16 runs with (3.10 to 3.12), for tests/tools/oldest.py.
# PYTHON in the environment wins. Of a virtual environment the interpreter that it was made from: build/venv itself is
# on the PATH of whoever rebuilds it.
set -u
least=11 most=99 minors="14 13 12 11" range="3.11 or later"
[ "${1:-}" = oldest ] && least=10 most=12 minors="10 11 12" range="3.10, 3.11 or 3.12"
works() {
  "$1" -c "import sys, ssl, venv, ensurepip; sys.exit(not (3, $least) <= sys.version_info[:2] <= (3, $most))" >/dev/null 2>&1
}
set --
for minor in $minors; do
  set -- "$@" "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3
done
for candidate in ${PYTHON:-} "$@" python3; do
  if works "$candidate"; then
    "$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2]))'
    exit 0
  fi
done
echo "No Python $range with venv and ssl was found: install one (Debian: apt-get install python3 python3-venv) or set PYTHON." >&2
exit 1
