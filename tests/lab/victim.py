"""The lab's server machine: the first process of its own PID, mount, host-name and network namespaces."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("/srv")
APP_PORT = 8000
PYTHON = "/usr/bin/python3"
"""The system's own interpreter, so that the shop's command line names no folder of a developer."""

NGINX = """\
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx.log;
events {}
http {
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path /run/body;
    proxy_temp_path /run/proxy;
    fastcgi_temp_path /run/fastcgi;
    uwsgi_temp_path /run/uwsgi;
    scgi_temp_path /run/scgi;
    server {
        listen 80;
        root /srv/www;
        location ~ ^/(product|search|download|ping)$ { proxy_pass http://127.0.0.1:8000; }
    }
}
"""
SSHD = """\
Port 22
HostKey /srv/ssh/host_key
AuthorizedKeysFile none
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
MaxStartups 50
PidFile /run/sshd.pid
"""


def main() -> int:
    """Become the machine, start its servers, say so, and look after their children until the end."""
    Path("/proc/self/comm").write_text("init", encoding="ascii")
    socket.sethostname("shop")
    _own_folders(Path(sys.argv[1]))
    _start_servers()
    _wait_for_ports(22, 80, APP_PORT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return 1


def _own_folders(home: Path) -> None:
    """What the servers write stays inside the lab."""
    _run("mount", "--bind", str(home), str(HOME))
    for folder in ("/run", "/var/log"):
        _run("mount", "-t", "tmpfs", "lab", folder)
    Path("/run/sshd").mkdir(mode=0o755)
    shutil.copy(Path(__file__).with_name("shop.py"), HOME / "shop" / "app.py")
    os.chdir(HOME)


def _start_servers() -> None:
    (HOME / "nginx.conf").write_text(NGINX, encoding="ascii")
    (HOME / "sshd_config").write_text(SSHD, encoding="ascii")
    _run("nginx", "-c", "/srv/nginx.conf")
    _run("/usr/sbin/sshd", "-f", "/srv/sshd_config")
    python = PYTHON if Path(PYTHON).exists() else sys.executable
    shop = ["setpriv", "--reuid", "www-data", "--regid", "www-data", "--clear-groups", python, "app.py", str(APP_PORT)]
    environ = {"PATH": os.defpath, "HOME": str(HOME / "shop"), "LANG": "C.UTF-8"}
    subprocess.Popen(shop, cwd=HOME / "shop", env=environ, start_new_session=True)


def _wait_for_ports(*ports: int) -> None:
    until = time.monotonic() + 20
    for port in ports:
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if time.monotonic() > until:
                raise TimeoutError(f"no server on port {port}")
            time.sleep(0.02)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
