#!/bin/sh
# Prints the Python to build the environment with. Root gets one that every user can read, since the engine gives up
# root and goes on reading it; one whose SQLite loads extensions comes before one whose SQLite does not.
# find-python.sh --open: prints none rather than one that is closed to other users.
set -eu

rank() { # python -> 0 is best: 2 when closed to other users, 1 when SQLite loads no extensions; fails when unfit
	"$1" -I -c '
import ensurepip, os, pathlib, sqlite3, sys, venv
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
folder = pathlib.Path(os.path.realpath(sys.base_prefix))
closed = os.geteuid() == 0 and any(not part.stat().st_mode & 0o001 for part in (folder, *folder.parents))
print(2 * closed + (not hasattr(sqlite3.Connection, "enable_load_extension")))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
	rank "$PYTHON" >/dev/null && { command -v "$PYTHON"; exit; }
	echo "PYTHON=$PYTHON is not Python 3.11 to 3.13 with venv and ensurepip" >&2
	exit 1
fi

best='' best_rank=9
[ "${1:-}" != --open ] || best_rank=2
for name in python3 python3.13 python3.12 python3.11; do
	for python in "/usr/bin/$name" "$(command -v "$name" || true)"; do
		found=$(rank "$python") || continue
		[ "$found" -ge "$best_rank" ] || { best=$python best_rank=$found; }
	done
done
[ -n "$best" ] && echo "$best"
