"""A small web shop with the holes that attackers look for; runs only in the lab's own namespaces."""

from __future__ import annotations

import html
import sqlite3
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PRODUCTS = "CREATE TABLE products (id INTEGER, name TEXT, price TEXT); CREATE TABLE users (name TEXT, password TEXT);"
ROWS = "INSERT INTO products VALUES (1, 'Kettle', '24.90'), (2, 'Teapot', '31.50'), (3, 'Cup', '6.00');"
PEOPLE = "INSERT INTO users VALUES ('admin', 'not-a-real-hash'), ('mary', 'not-a-real-hash');"


class Shop(BaseHTTPRequestHandler):
    """Answers as a careless programmer would: every parameter goes where it should not."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one page."""
        asked = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(asked.query).items()}
        pages = {"/product": self._product, "/search": self._search, "/download": self._download, "/ping": self._ping}
        page = pages.get(asked.path)
        try:
            self._answer(200 if page else 404, page(given) if page else "no such page")
        except (sqlite3.Error, OSError, KeyError) as error:
            self._answer(500, f"error: {error}")

    def _product(self, given: dict[str, str]) -> str:
        with sqlite3.connect(":memory:") as db:
            db.executescript(PRODUCTS + ROWS + PEOPLE)
            found = db.execute(f"SELECT name, price FROM products WHERE id = '{given['id']}'").fetchall()
        db.close()
        return "".join(f"<li>{name}: {price}</li>" for name, price in found)

    def _search(self, given: dict[str, str]) -> str:
        return f"<h1>Nothing found for {given['q']}</h1>"

    def _download(self, given: dict[str, str]) -> str:
        return html.escape(Path("files", given["name"]).read_text(encoding="utf-8"))

    def _ping(self, given: dict[str, str]) -> str:
        done = subprocess.run(
            f"echo checking {given['host']}", shell=True, capture_output=True, text=True, check=False, timeout=30
        )
        return f"<pre>{done.stdout}</pre>"

    def _answer(self, status: int, text: str) -> None:
        page = f"<!doctype html><title>Shop</title>{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal quiet."""


if __name__ == "__main__":
    Path("/proc/self/comm").write_text("shop", encoding="ascii")
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
