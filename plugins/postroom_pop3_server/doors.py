"""What a session needs of the server around it; tests hand it a fake."""

from __future__ import annotations

from typing import Protocol

from postroom import Client
from postroom.wire.sasl import Denied

from .maildrop import Maildrop

Binding = dict[str, bytes]  # channel binding type -> data


class Exchange(Protocol):
    """A SASL exchange under way."""

    def step(self, response: bytes | None) -> object:
        """Challenge, Done or Denied."""


class Doors(Protocol):
    """Authentication, and the way to the maildrop."""

    def mechanisms(self, binding: Binding) -> list[str]:
        """The SASL mechanisms that may be used now."""

    def plain_allowed(self) -> bool:
        """Whether USER and PASS may be used now."""

    def challenge(self) -> str:
        """The APOP timestamp of this session, "" when no account can use APOP."""

    def exchange(self, mechanism: str, binding: Binding) -> Exchange | Denied:
        """Begin a SASL exchange."""

    def password(self, name: str, password: str) -> object:
        """An account, or Denied."""

    def apop(self, name: str, timestamp: str, digest: str) -> object:
        """An account, or Denied."""

    def open(self, client: Client) -> Maildrop | str:
        """Lock and list the maildrop of ``client.user``; a reply without "-ERR" when that cannot be. Raises StoreUnavailable."""

    def close(self) -> None:
        """Give the maildrop back; more than once does no harm."""
