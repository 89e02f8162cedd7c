#!/bin/sh
# Takes away what install.sh made. Blocks end with it, since nothing would be left to lift them; the record of decisions
# and incidents in /var/lib/aegis stays unless PURGE=1.
set -eu
prefix=${PREFIX:-/opt/aegis-tui}
state=/var/lib/aegis pins=/sys/fs/bpf/aegis lock=/run/aegis/lock unit=aegis-tui-restore.service
[ "$(id -u)" = 0 ] || { echo "uninstalling needs root: sudo make uninstall" >&2; exit 1; }
if [ -e $lock ] && ! flock --nonblock $lock true; then
	echo "close aegis-tui first: $(cat $lock) runs" >&2
	exit 1
fi

PATH=$PATH:/usr/sbin:/sbin
"$prefix/venv/bin/aegis-tui" panic-unblock || echo "lifting the blocks without it" >&2
for iface in /sys/class/net/*; do # what tells our filter from another one: engine/guard/bpf.py
	tc filter del dev "${iface##*/}" egress protocol all prio 2 handle 0xae615 bpf 2>/dev/null || true
done
nft delete table netdev aegis 2>/dev/null || true
rm -rf $pins
if [ -e /etc/systemd/system/$unit ]; then
	[ ! -d /run/systemd/system ] || systemctl disable --quiet $unit || true
	rm -f /etc/systemd/system/$unit
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
fi
[ "$(readlink /usr/local/bin/aegis-tui)" != "$prefix/venv/bin/aegis-tui" ] || rm -f /usr/local/bin/aegis-tui
rm -rf "$prefix" /run/aegis
if [ "${PURGE:-}" = 1 ]; then
	rm -rf $state
elif [ -d $state ]; then
	echo "$state stays: incidents, decisions and approved blocks; make uninstall PURGE=1 removes it too"
fi
if getent passwd aegis >/dev/null; then
	userdel aegis
fi
echo "aegis-tui is uninstalled"
