#!/bin/sh
# settings.sh place SAMPLE COPY: puts the sample of the settings, in which nothing is set, where root's runs look for
# them, and a copy of it beside the program. A file that is there already stays as it is.
# settings.sh remove COPY: takes it away again where it is still that copy, and says that it stays where it is not.
set -eu
folder=${ETC:-/etc/aegis}
file=$folder/config.toml

case $1 in
place)
	if [ ! -e "$file" ] && [ ! -L "$file" ]; then
		mkdir -p "$folder"
		cp "$2" "$file"
		chmod 600 "$file"
		cp "$2" "$3"
	fi
	;;
remove)
	if [ -e "$file" ] && [ -e "$2" ] && cmp -s "$file" "$2"; then
		rm -f "$file"
	fi
	rmdir "$folder" 2>/dev/null || [ ! -e "$folder" ] || echo "$folder stays: your settings are there"
	;;
*)
	echo "settings.sh place SAMPLE COPY | remove COPY" >&2
	exit 1
	;;
esac
