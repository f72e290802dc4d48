#!/bin/sh
# Print the newest Python (3.11 or later) that really runs: names on the PATH may be version managers' shims that do not.
# PYTHON in the environment wins. Of a virtual environment the interpreter that it was made from: build/venv itself is
# on the PATH of whoever rebuilds it.
set -u
works() { "$1" -c 'import sys, ssl, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
for candidate in ${PYTHON:-} \
    python3.14 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.14.*/bin/python3 \
    python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3 \
    python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3 \
    python3.11 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11.*/bin/python3 python3; do
  if works "$candidate"; then
    "$candidate" -c 'import os, sys; print(os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2]))'
    exit 0
  fi
done
echo "No Python 3.11 or later with venv and ssl was found: install one (Debian: apt-get install python3 python3-venv) or set PYTHON." >&2
exit 1
