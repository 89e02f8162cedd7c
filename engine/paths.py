"""Where the program's own files lie, and where it keeps state."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
KNOWLEDGE = ROOT / "knowledge"
RULES = KNOWLEDGE / "rules"
PLAYBOOKS = KNOWLEDGE / "playbooks"
CLASSES = KNOWLEDGE / "classes"
PROMPTS = KNOWLEDGE / "prompts"
TONGUES = KNOWLEDGE / "tongues"
MODELS = ROOT / "models"
BPF_OBJECT = ROOT / "bpf" / "aegis.bpf.o"

LIVE_STATE = Path("/var/lib/aegis")
"""Root-owned; the guard's database, and below it the engine's own folder."""
LIVE_DATABASE = LIVE_STATE / "engine" / "aegis.db"


def user_state() -> Path:
    """Return the invoking user's state folder, made private when missing."""
    folder = user_state_place()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def user_state_place() -> Path:
    """Return where the invoking user's state folder is, or would be."""
    return Path(os.environ.get("XDG_STATE_HOME") or platformdirs.user_state_dir()) / "aegis"
