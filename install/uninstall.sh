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

if [ -d $pins ]; then
	rm -rf $pins
	echo "every block of aegis-tui is lifted"
fi
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
