#!/bin/sh
# packages.sh NAME...: installs Debian packages as root, starting none of their servers; tells a plain user the command.
set -eu
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing: $*; install them with: sudo apt-get install -y $*" >&2
	exit 1
fi
echo "installing $*" >&2
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq -y --no-install-recommends "$@" >/dev/null 2>&1 && exit 0
apt-get update -qq
apt-get install -qq -y --no-install-recommends "$@" >/dev/null
