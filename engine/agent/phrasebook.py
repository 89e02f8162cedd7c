"""The program's own words in another language: ``knowledge/tongues``, one file a language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from engine import paths


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """English phrases and what they are in one language."""

    phrases: dict[str, str]
    """What reports and answers say, and the words that stand in other phrases."""
    sentences: dict[str, str]
    """What other parts of the program write down, to be found again in what is stored."""
    playbooks: dict[str, str]
    """The steps and actions of the shipped playbooks; a user's own stay as they are written."""

    def every(self) -> dict[str, str]:
        """Return all of it as one table."""
        return {**self.playbooks, **self.sentences, **self.phrases}


def read_phrasebook(lang: str) -> Phrasebook:
    """Return the phrasebook of a language other than English."""
    text = (paths.TONGUES / f"{lang}.toml").read_text(encoding="utf-8")
    return Phrasebook(**tomllib.loads(text))
