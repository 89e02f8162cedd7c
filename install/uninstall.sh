#!/bin/sh
# Takes away what install.sh made: in PREFIX, else in the folder that this is installed in, else where the installed
# aegis-tui leads. Blocks end with it, since nothing would be left to lift them; the record of decisions and incidents in
# /var/lib/aegis stays unless PURGE=1. Nothing is touched before it is known what is to go and that none of it runs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mark=.aegis-tui-install link=/usr/local/bin/aegis-tui
state=/var/lib/aegis pins=/sys/fs/bpf/aegis lock=/run/aegis/lock units="aegis-tui.service aegis-tui-restore.service"
[ "$(id -u)" = 0 ] || { echo "uninstalling needs root: sudo make uninstall" >&2; exit 1; }
leads=$(readlink $link || true)
home=/opt/aegis-tui
case $leads in */venv/bin/aegis-tui) home=${leads%/venv/bin/aegis-tui} ;; esac
[ ! -e "$here/../$mark" ] || home=${here%/install}
prefix=$("$here/prefix.sh" check "${PREFIX:-$home}")
if [ ! -e "$prefix/$mark" ]; then
	echo "aegis-tui is not installed in $prefix; nothing was changed${leads:+ ($link leads to $leads)}" >&2
	echo "name where it is: sudo make uninstall PREFIX=FOLDER" >&2
	exit 1
fi

# What runs of it, but for the daemon, which is stopped: userdel refuses while a process of the user's is left.
running=$(
	grep -lsz "^$prefix/venv/bin/" /proc/[0-9]*/cmdline || true
	! getent passwd aegis >/dev/null || find /proc -maxdepth 1 -name '[0-9]*' -user aegis 2>/dev/null || true
)
told=
for process in $(echo "$running" | sed -n 's|^\(/proc/[0-9]*\).*|\1|p' | sort -u); do
	! grep -qs '/aegis-tui\.service$' "$process/cgroup" || continue
	terminal=$(readlink "$process/fd/0" 2>/dev/null || true)
	case $terminal in /dev/*) ;; *) terminal="no terminal" ;; esac
	told="$told  PID ${process#/proc/} on $terminal
"
done
if [ -n "$told" ]; then
	printf 'aegis-tui runs still; nothing was changed. Quit it first:\n%s' "$told" >&2
	exit 1
fi
[ ! -d /run/systemd/system ] || systemctl stop aegis-tui.service 2>/dev/null || true
if [ -e $lock ] && ! flock --nonblock $lock true; then
	echo "close aegis-tui first: $(cat $lock) runs" >&2
	exit 1
fi

PATH=$PATH:/usr/sbin:/sbin
if [ -x "$prefix/venv/bin/aegis-tui" ]; then
	echo "lifting every block that is in force:"
	"$prefix/venv/bin/aegis-tui" panic-unblock || echo "not by the program; what held them in the kernel goes now" >&2
else
	echo "the program was never ready here: what holds blocks in the kernel goes without it"
fi
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
if [ "$leads" = "$prefix/venv/bin/aegis-tui" ]; then
	rm -f $link
	"$here/shell.sh" remove
fi
"$here/settings.sh" remove "$prefix/install/config.toml"
rm -rf /run/aegis
if [ "${PURGE:-}" = 1 ]; then
	rm -rf $state
elif [ -d $state ]; then
	# The next user that is made may get the number of the one that goes.
	[ ! -d $state/engine ] || chown -hR root:root $state/engine
	echo "$state stays: incidents, decisions and approved blocks; make uninstall PURGE=1 removes it too"
	[ ! -e $state/halted ] ||
		echo "blocking stays halted there: installed again, it blocks nothing until you run aegis-tui blocks resume"
fi
if getent passwd aegis >/dev/null; then
	userdel aegis
fi
"$here/prefix.sh" remove "$prefix" # with its mark, by which a removal that broke off is taken up again
echo "aegis-tui is uninstalled"
