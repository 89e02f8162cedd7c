"""What the blocks that stand already leave no room for."""

from __future__ import annotations

from collections.abc import Sequence

from engine.guard import capacity
from engine.guard.orders import Order, Orders
from engine.guard.schema import HOST_NETWORK


class Standing:
    """Judges what is asked for beside the orders; the rules of ``policy`` judge it beside this host."""

    def __init__(self, orders: Orders, network: str) -> None:
        self._orders, self._network = orders, network

    def elsewhere(self, prefix: str) -> tuple[str, ...]:
        """Say that a prefix has a block of the host's, which no guard in another network namespace may replace.

        A block of such a namespace gives way: the namespace may be gone, and its block would stand for nothing.
        """
        order = self._orders.by_prefix().get(prefix)
        kept = order is not None and order.network == HOST_NETWORK != self._network
        return (f"{prefix} is blocked by the guard of the host's own network namespace",) if kept else ()

    def is_ours(self, order: Order) -> bool:
        """Return whether a block was approved in the network namespace of this guard."""
        return order.network == self._network

    def unfit(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Say what the kernel would not take; blocks of other network namespaces are counted with ours."""
        standing = self._orders.by_prefix()
        words = capacity.unfit(self._orders.lengths, [one for one in targets if one not in standing])
        return (words,) if words else ()

    def against_list(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Say what stands against a list as a whole, whose targets may each be blocked."""
        words = capacity.too_many_addresses(targets)
        return (*((words,) if words else ()), *self.unfit(targets))
