"""Which login a message goes with: that of its user, or of the address in its From, else the sender's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property

from postroom.clients.smtp.hop import NextHop
from postroom.mail.local_domains import fold_name
from postroom.provided import Outgoing
from postroom.sending.patterns import AddressPattern, Wildcard

LOOKED_AT = 2000  # characters of From


@dataclass(frozen=True, eq=False)
class Account:
    """A login, and whose mail goes with it. ``username`` "" sends without a login."""

    whose: str  # a user, or with an @ an address; "" is everybody
    username: str
    hops: Sequence[NextHop]
    apart: bool = False  # it has servers of its own

    def __str__(self) -> str:
        return f"account {self.username}" if self.username else "no account"

    @cached_property
    def _user(self) -> Wildcard:
        return Wildcard(fold_name(self.whose))

    @cached_property
    def _address(self) -> AddressPattern:
        return AddressPattern.parse(self.whose)

    def suits(self, user: str | None, address: str) -> bool:
        """True for mail of this user who has logged in, or with this From address."""
        if not self.whose:
            return True
        if "@" in self.whose:
            return self._address.matches(address)
        return user is not None and self._user.matches(fold_name(user))

    @property
    def by_address(self) -> bool:
        """True when the From address is asked for."""
        return "@" in self.whose


def choose(accounts: Sequence[Account], outgoing: Outgoing) -> Account | None:
    """The first account that suits the message; None when there is none for it."""
    address = from_address(outgoing) if any(account.by_address for account in accounts) else ""
    return next((account for account in accounts if account.suits(outgoing.user, address)), None)


def from_address(outgoing: Outgoing) -> str:
    """The first address in the From field, else the return path that the message came with."""
    found = parseaddr((outgoing.head().header("from") or "")[:LOOKED_AT])[1]
    return found if "@" in found else outgoing.sender
