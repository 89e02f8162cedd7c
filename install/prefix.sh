#!/bin/sh
# prefix.sh check PREFIX: prints the folder to install into made plain, or refuses one that could hold anything else.
# prefix.sh own PREFIX: makes what install.sh put there, and the mark by which it is known again, root's.
# prefix.sh remove PREFIX: takes away what install.sh put there and nothing else; the folder goes when that empties it.
set -eu
mark=.aegis-tui-install
rooms='aegis_tui engine knowledge models bpf install venv LICENSE NOTICE README.md requirements.txt'

refuse() {
	echo "$1" >&2
	exit 1
}

prefix=$2
while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
case $prefix in
*/../* | */./* | */*[!A-Za-z0-9._/-]*) refuse "PREFIX=$2: a plain path, please" ;;
/*/aegis-tui) ;;
*) refuse "PREFIX=$2: its last part must be aegis-tui, as in /opt/aegis-tui: nothing else may share the folder" ;;
esac
[ ! -L "$prefix" ] || refuse "$prefix is a link, and where it leads may be somebody else's"

case $1 in
check)
	[ ! -e "$prefix" ] || [ -e "$prefix/$mark" ] || [ -z "$(ls -A "$prefix")" ] ||
		refuse "$prefix holds something that make install did not put there; nothing was changed"
	echo "$prefix"
	;;
own)
	: >"$prefix/$mark"
	for room in $mark $rooms; do
		[ -e "$prefix/$room" ] && [ ! -L "$prefix/$room" ] || continue
		chown -hR root:root "$prefix/$room"
		chmod -R u=rwX,go=rX "$prefix/$room"
	done
	chown root:root "$prefix"
	chmod u=rwx,go=rx "$prefix"
	;;
remove)
	[ -e "$prefix/$mark" ] || refuse "$prefix is no installation of aegis-tui; nothing was removed"
	for room in $rooms $mark; do rm -rf "${prefix:?}/$room"; done
	rmdir "$prefix" 2>/dev/null || echo "$prefix stays: it holds what make install did not put there" >&2
	;;
*) refuse "prefix.sh check|own|remove PREFIX" ;;
esac
