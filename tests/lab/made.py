"""What is made on entry and taken away on exit, also where it was made by half."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Made(ABC):
    """Something that stands for the length of a test and leaves nothing behind."""

    def __enter__(self) -> Self:
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def build(self) -> None:
        """Make it."""

    @abstractmethod
    def close(self) -> object:
        """Take away what was made of it."""
