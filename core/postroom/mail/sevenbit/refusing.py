"""Messages that cannot be made 7-bit without harm."""

from __future__ import annotations


class Unconvertible(Exception):
    """Raised for a message that cannot be made 7-bit. ``sealed``: it could, but that would break what somebody has signed or encrypted."""

    def __init__(self, reason: str, *, sealed: bool = False) -> None:
        super().__init__(reason)
        self.sealed = sealed
