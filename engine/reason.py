"""Why something did not work, in words for a person."""

from __future__ import annotations

import os
from pathlib import Path


def reason(error: BaseException, *, of: Path | str | None = None) -> str:
    """Return what an error says, with the file it is about, without the number of the operating system's.

    ``of`` is the file that the sentence around it names already.
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) or type(error).__name__
    about = error.filename
    if not isinstance(about, str | bytes) or not about or os.fsdecode(about) == str(of):
        return str(error.strerror)
    return f"{os.fsdecode(about)}: {error.strerror}"
