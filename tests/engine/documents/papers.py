"""PDF files made by hand, well-formed and hostile, and other documents that tests share."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

RUNBOOK = """# Backup

Backups run at 02:00 on the host vault-3.

## Restore

To restore the customer database, call the on-call DBA and run `pg_restore` from vault-3.
"""

HANDBOOK = """# 应急响应手册

## 木马处置

发现木马后，先隔离主机，再保留内存镜像，最后联系安全值班人员。

## 弱口令

所有管理员必须每九十天更换一次口令。
"""

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf(pages: Sequence[str]) -> bytes:
    """Return a PDF with a line of Latin text on each page."""
    return raw_pdf([f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET".encode("latin-1") for page in pages])


def chinese_pdf(text: str) -> bytes:
    """Return a PDF whose glyph numbers mean Chinese characters only by the map that it carries."""
    codes = {character: place + 1 for place, character in enumerate(dict.fromkeys(text))}
    pairs = "\n".join(f"<{code:04x}> <{character.encode('utf-16-be').hex()}>" for character, code in codes.items())
    cmap = f"begincmap\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{len(codes)} beginbfchar\n{pairs}\n"
    shown = "".join(f"{codes[character]:04x}" for character in text)
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /Identity-H /ToUnicode 5 0 R /DescendantFonts"
        b" [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Song"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >>"
    )
    more = [_stream((cmap + "endbfchar\nendcmap").encode())]
    return raw_pdf([f"BT /F1 12 Tf 72 720 Td <{shown}> Tj ET".encode()], font, more)


def bomb(megabytes: int) -> bytes:
    """Return a small PDF whose one page unpacks, twice over, to so much."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()
    return raw_pdf([], more=[_stream(zlib.compress(once, 9), b" /Filter [/FlateDecode /FlateDecode]")])


def endless() -> bytes:
    """Return a PDF whose tree of pages leads back to itself."""
    return _file([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 >>"])


def raw_pdf(contents: Sequence[bytes], font: bytes = _FONT, more: Sequence[bytes] = ()) -> bytes:
    """Return a PDF of pages with these contents; the objects in ``more`` come after the font, from number 5 on.

    Without contents, the first of ``more`` is the content of the only page.
    """
    first = 5 + len(more)
    streams = [_stream(content) for content in contents]
    numbers = [first + place for place in range(len(streams))] or [5]
    pages = [
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>" % number
        for number in numbers
    ]
    start = first + len(streams)
    kids = b" ".join(b"%d 0 R" % (start + place) for place in range(len(pages)))
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
            b"<< /Type /Info >>",
            font,
            *more,
            *streams,
            *pages,
        ]
    )


def _stream(content: bytes, filters: bytes = b"") -> bytes:
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(content), filters, content)


def _file(objects: Sequence[bytes]) -> bytes:
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + head + table + tail
