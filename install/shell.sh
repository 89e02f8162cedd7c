#!/bin/sh
# shell.sh place PROGRAM PAGE: puts the manual page, and what completes PROGRAM's commands in bash, zsh and fish, below
# SHARE, where man and the shells look; fish's in VENDOR too, since a Debian fish in a login of root's looks there only.
# VENDOR is a folder of fish's: where it is missing there is no fish, and it is neither made nor taken away.
# shell.sh remove: takes them away again.
set -eu
share=${SHARE:-/usr/local/share}
vendor=${VENDOR:-/usr/share/fish/vendor_completions.d}
page=$share/man/man1/aegis-tui.1
bash=$share/bash-completion/completions/aegis-tui
zsh=$share/zsh/site-functions/_aegis-tui
fish=$share/fish/vendor_completions.d/aegis-tui.fish

case $1 in
place)
	for file in "$page" "$bash" "$zsh" "$fish"; do
		mkdir -p "${file%/*}"
		rm -f "$file"
	done
	cp "$3" "$page"
	"$2" completions bash >"$bash"
	"$2" completions zsh >"$zsh"
	"$2" completions fish >"$fish"
	chmod 644 "$page" "$bash" "$zsh" "$fish"
	[ ! -d "$vendor" ] || cp --remove-destination --preserve=mode "$fish" "$vendor"
	;;
remove)
	rm -f "$page" "$bash" "$zsh" "$fish" "$vendor/aegis-tui.fish"
	;;
*)
	echo "shell.sh place PROGRAM PAGE | remove" >&2
	exit 1
	;;
esac
