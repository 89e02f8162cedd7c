#!/bin/sh
# Takes away what install.sh made, from the folder it is in or PREFIX. Blocks end with it, since nothing would be left
# to lift them; the record of decisions and incidents in /var/lib/aegis stays unless PURGE=1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=/opt/aegis-tui
[ ! -e "$here/../.aegis-tui-install" ] || home=${here%/install}
state=/var/lib/aegis pins=/sys/fs/bpf/aegis lock=/run/aegis/lock units="aegis-tui.service aegis-tui-restore.service"
[ "$(id -u)" = 0 ] || { echo "uninstalling needs root: sudo make uninstall" >&2; exit 1; }
prefix=$("$here/prefix.sh" check "${PREFIX:-$home}")
[ ! -d /run/systemd/system ] || systemctl stop aegis-tui.service 2>/dev/null || true
if [ -e $lock ] && ! flock --nonblock $lock true; then
	echo "close aegis-tui first: $(cat $lock) runs" >&2
	exit 1
fi

PATH=$PATH:/usr/sbin:/sbin
echo "lifting every block that is in force:"
"$prefix/venv/bin/aegis-tui" panic-unblock || echo "not by the program; what held them in the kernel goes now" >&2
for iface in /sys/class/net/*; do # what tells our filter from another one: engine/guard/bpf.py
	tc filter del dev "${iface##*/}" egress protocol all prio 2 handle 0xae615 bpf 2>/dev/null || true
done
nft delete table netdev aegis 2>/dev/null || true
rm -rf $pins
spaces=$(readlink /proc/[0-9]*/ns/net 2>/dev/null | sort -u | wc -l)
if [ "$spaces" -gt 1 ] || [ -n "$(ls /run/netns 2>/dev/null)" ]; then
	echo "nftables and tc were cleared in this network namespace only; if aegis-tui ran in another one, run there:"
	echo "  nft delete table netdev aegis; tc filter del dev IFACE egress protocol all prio 2 handle 0xae615 bpf"
fi
for unit in $units; do
	[ -e "/etc/systemd/system/$unit" ] || continue
	[ ! -d /run/systemd/system ] || systemctl disable --quiet "$unit" || true
	rm -f "/etc/systemd/system/$unit"
	[ ! -d /run/systemd/system ] || systemctl daemon-reload
done
if [ "$(readlink /usr/local/bin/aegis-tui)" = "$prefix/venv/bin/aegis-tui" ]; then
	rm -f /usr/local/bin/aegis-tui
	"$here/shell.sh" remove
fi
[ ! -e "$prefix/.aegis-tui-install" ] || "$here/prefix.sh" remove "$prefix"
rm -rf /run/aegis
if [ "${PURGE:-}" = 1 ]; then
	rm -rf $state
elif [ -d $state ]; then
	echo "$state stays: incidents, decisions and approved blocks; make uninstall PURGE=1 removes it too"
	[ ! -e $state/halted ] ||
		echo "blocking stays halted there: installed again, it blocks nothing until you run aegis-tui blocks resume"
fi
if getent passwd aegis >/dev/null; then
	userdel aegis
fi
echo "aegis-tui is uninstalled"
