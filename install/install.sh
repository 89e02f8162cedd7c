#!/bin/sh
# Installs the program under /opt/aegis-tui, for root and everybody else to run; nothing starts by itself.
set -eu
umask 022
source=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "installing needs root: sudo make install" >&2; exit 1; }
prefix=$("$source/install/prefix.sh" check "${PREFIX:-/opt/aegis-tui}")
[ "$source" != "$prefix" ] || { echo "run make install in a clone, not in $prefix" >&2; exit 1; }

mkdir -p "$prefix"
"$source/install/prefix.sh" own "$prefix" # with its mark, without which uninstall.sh would take nothing away
[ "$prefix" = /opt/aegis-tui ] && given= || given=" PREFIX=$prefix"
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap '[ $? = 0 ] || echo "aegis-tui is half installed, in $prefix, with the user aegis: sudo make uninstall$given" \
	"clears it, and sudo make install$given goes on" >&2' EXIT

getent passwd aegis >/dev/null ||
	useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin aegis
ldconfig -p | grep -q 'libbpf\.so\.1' || "$source/install/packages.sh" iproute2 ||
	echo "libbpf is missing: watching works, blocking needs nftables then" >&2
PATH=$PATH:/usr/sbin:/sbin command -v nft >/dev/null ||
	echo "nft is missing: an interface that XDP cannot attach to is only watched (apt-get install nftables)" >&2

mkdir -p "$prefix/install"
for room in aegis_tui engine knowledge models bpf; do
	rm -rf "${prefix:?}/$room"
	cp -R --no-preserve=ownership "$source/$room" "$prefix/$room"
done
cp "$source"/LICENSE "$source"/NOTICE "$source"/README.md "$source"/requirements.txt "$prefix"
for file in setup.sh find-python.sh packages.sh aegis-tui.in restore.py prefix.sh shell.sh settings.sh uninstall.sh; do
	cp "$source/install/$file" "$prefix/install"
done
find "$prefix" -name __pycache__ -not -path "$prefix/venv/*" -prune -exec rm -rf {} +
"$source/install/prefix.sh" own "$prefix"
rm -f "$prefix"/venv/.installed-*
"$prefix/install/setup.sh" "$prefix/venv" requirements.txt

ln -sfn "$prefix/venv/bin/aegis-tui" /usr/local/bin/aegis-tui
"$source/install/shell.sh" place "$prefix/venv/bin/aegis-tui" "$source/docs/aegis-tui.1"
"$source/install/settings.sh" place "$source/install/config.toml" "$prefix/install/config.toml"
if [ -d /etc/systemd/system ]; then
	for unit in aegis-tui.service aegis-tui-restore.service; do
		sed "s|@PREFIX@|$prefix|g" "$source/install/$unit" >"/etc/systemd/system/$unit"
	done
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
fi

cat <<TOLD
installed in $prefix; now: sudo aegis-tui --iface eth0
to have it run without a console: put interface = ["eth0"] into /etc/aegis/config.toml (a sample lies there), then
  sudo systemctl enable --now aegis-tui    and, for a console at it, in any terminal:    sudo aegis-tui
to have approved blocks restored after a reboot without that: sudo systemctl enable aegis-tui-restore
to take it all away again: sudo make uninstall$given (or sudo $prefix/install/uninstall.sh)
TOLD
