"""Things as rows of a table: a row is made only for what is seen, tests and orders look at the things themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, overload

from aegis_tui.widgets.line import Span, plain
from engine.filter.kinds import Kind

T = TypeVar("T")


class Aim(NamedTuple):
    """What a key pressed on a row is about."""

    address: str
    """The address, or the prefix, that the row tells of; empty for a proposal of a whole list."""
    incident_id: str = ""
    proposal_id: str = ""
    """The proposal that the row is."""
    in_force: bool = False
    """Whether the row is a block that the guard holds an order for."""


class Row(NamedTuple):
    """One row: its key, its cells, and what keys on it are about."""

    key: str
    cells: tuple[Span, ...]
    aim: Aim | None = None


class Listing(Sequence[Row], Generic[T]):
    """Any number of things, and how each becomes a row, answers a filter, and is put in order."""

    def __init__(
        self,
        items: Sequence[T],
        key: Callable[[T], str],
        row: Callable[[T], Row],
        kind: Kind,
        orders: Mapping[str, Callable[[T], Any]],
    ) -> None:
        """Take ``orders`` by column title; a column without one is ordered by the text of its cells."""
        self.items = items
        self.key = key
        self.row = row
        self.kind = kind
        self.orders = orders

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return a row, made now."""
        if isinstance(index, slice):
            return [self.row(item) for item in self.items[index]]
        return self.row(self.items[index])

    def __len__(self) -> int:
        return len(self.items)

    def order(self, title: str, index: int) -> Callable[[T], Any]:
        """Return what a column is ordered by."""
        return self.orders.get(title) or (lambda item: self.row(item).cells[index].text.casefold())


def ready(rows: Sequence[Row]) -> Listing[Any]:
    """Return rows that were made already; a filter finds words in their cells, and they have no fields."""
    return rows if isinstance(rows, Listing) else Listing(rows, _key, _same, {"text": _text}, {})


def _key(row: Row) -> str:
    return row.key


def _same(row: Row) -> Row:
    return row


def _text(row: Row) -> str:
    return "\n".join(plain((cell,)) for cell in row.cells)
