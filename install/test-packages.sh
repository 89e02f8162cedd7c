#!/bin/sh
# Installs, as root, what the root tests need: compilers for the kernel program, real servers, clients and attackers.
set -eu
here=$(dirname "$0")
missing=''
need() { # package command
	PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null || missing="$missing $1"
}
need clang-14 clang-14
need clang clang
need llvm llvm-strip
need bpftool bpftool
need iproute2 tc
need nftables nft
need iptables iptables
need iputils-ping ping
need sudo sudo
need nginx-light nginx
need openssh-server sshd
need openssh-client ssh
need sshpass sshpass
need git git
need curl curl
need wget wget
need tcpdump tcpdump
need nmap nmap
need tmux tmux
need netcat-openbsd nc
need procps ps
need systemd-container systemd-nspawn
need man-db man
need fish fish
need zsh zsh
[ -e /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev"
[ -e "/usr/include/$(uname -m)-linux-gnu/asm/types.h" ] || missing="$missing linux-libc-dev"
[ -z "$missing" ] || exec "$here/packages.sh" $missing
