"""What can go wrong with a next hop as a whole: each fault carries the reply that the queue records for it."""

from __future__ import annotations

from typing import Self

from ...mail.reply import Reply


class HopFault(Exception):
    """No mail can be sent over this connection now; before MAIL, another server is tried.

    ``reply`` is always temporary: the fault is not the message's.
    """

    def __init__(self, words: str, enhanced: str = "4.4.2", *, code: int = 451, server: str = "") -> None:
        super().__init__(words)
        self.reply = Reply(code, enhanced, words)
        self.server = server

    def again(self) -> Self:
        """The same fault without what hangs on this one (traceback, sockets), to be kept and raised later."""
        return type(self)(str(self), self.reply.enhanced, code=self.reply.code, server=self.server)


class Unreachable(HopFault):
    """The server did not answer at all: no address, no connection, no greeting."""


class Refused(HopFault):
    """The server answers, but the session cannot be set up: an SMTP error, TLS or the login failed."""


class Broken(HopFault):
    """The connection failed during a session: lost, too slow, or an answer that is not SMTP."""
