"""Which version of the program this is: told by ``--version``, and noted in what is exported."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
