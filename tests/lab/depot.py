"""The intruder's web server: as slow to answer as one that is far away."""

from __future__ import annotations

import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

FAR_S = 0.3


class Depot(SimpleHTTPRequestHandler):
    """Serves a folder after a while."""

    def do_GET(self) -> None:
        """Answer late."""
        time.sleep(FAR_S)
        super().do_GET()


if __name__ == "__main__":
    address, port, folder = sys.argv[1:]
    ThreadingHTTPServer((address, int(port)), partial(Depot, directory=folder)).serve_forever()
