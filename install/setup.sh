#!/bin/sh
# setup.sh VENV LOCK: makes VENV hold what LOCK names, from wheels with the hashes in it; quick when it does already.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/$2
mkdir -p "$1" 2>/dev/null || true
venv=$(cd "$1" && pwd)
stamp=$venv/.installed-$2
wanted=$(cat "$lock" "$root/install/setup.sh" | sha256sum)$root
[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -z "${PYTHON:-}" ] && "$venv/bin/python" -c '' 2>/dev/null && exit 0

if ! python=$("$root/install/find-python.sh" --open); then
	[ -z "${PYTHON:-}" ] || exit 1
	"$root/install/packages.sh" python3 python3-venv || [ "$(id -u)" = 0 ]
	python=$("$root/install/find-python.sh") || { echo "no Python 3.11 to 3.13 with venv; name one with PYTHON=..." >&2; exit 1; }
fi
if [ "$(cat "$venv/.python" 2>/dev/null)" != "$python" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
	rm -rf "$venv"
	"$python" -m venv "$venv"
	echo "$python" >"$venv/.python"
fi
echo "installing $2 into $venv" >&2
rm -f "$stamp"
"$venv/bin/python" -m pip --disable-pip-version-check install -qq --no-compile --no-deps \
	--only-binary :all: --require-hashes --requirement "$lock"

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$root" >"$site/aegis-tui.pth"
sed "s|@PYTHON@|$venv/bin/python|" "$root/install/aegis-tui.in" >"$venv/bin/aegis-tui"
chmod 755 "$venv/bin/aegis-tui"
"$venv/bin/python" -m compileall -q -j 0 "$site" "$root/aegis_tui" "$root/engine" >/dev/null || true
echo "$wanted" >"$stamp"
