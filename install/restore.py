"""Puts approved blocks that are still within their term back into the kernel after a reboot, and ends."""

from __future__ import annotations

import sys

from engine.guard.__main__ import main

if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], "--restore"]))
