"""Where the bytes of a message go while they arrive."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from postroom.store.database import StoreUnavailable

if TYPE_CHECKING:
    from postroom.mail.claims import ClaimFilter
    from postroom.store.blobs import Draft


class Intake:
    """The sink of DATA: a draft whose faults are kept for the end, because the client must finish sending first.

    ``claims``: looks at the header of a stranger's message before it is kept; None for others.
    """

    __slots__ = ("_claims", "draft", "failed", "renamed", "size")

    def __init__(self, draft: Draft, claims: ClaimFilter | None) -> None:
        self.draft = draft
        self.failed = ""  # what the store said
        self.size = 0  # bytes received, a few more than the draft has while the header is not over
        self.renamed = 0  # fields that claimed to be ours
        self._claims = claims

    def write(self, data: bytes) -> None:
        """Take the next piece."""
        self.size += len(data)
        if self._claims is not None:
            data = self._claims.feed(data)
            if self._claims.done:
                self.renamed, self._claims = self._claims.renamed, None
        self._keep(data)

    def end(self) -> str | None:
        """The message is over: its fault in the words of ``Session.received``, or None."""
        if self._claims is not None:
            self._keep(self._claims.finish())
            self.renamed, self._claims = self._claims.renamed, None
        return None

    def _keep(self, data: bytes) -> None:
        if not self.failed:
            try:
                self.draft.write(data)
            except StoreUnavailable as error:
                self.failed = str(error)

    def abandon(self) -> None:
        """Give back what was kept so far; what cannot be given back now (store away) is collected later as garbage."""
        with contextlib.suppress(StoreUnavailable):
            self.draft.abandon()


class ChunkIntake(Intake):
    """The sink of BDAT: bytes as they are, looked at for what DATA would have refused unless they are declared binary."""

    __slots__ = ("_binary", "_last", "fault")

    def __init__(self, draft: Draft, claims: ClaimFilter | None, *, binary: bool) -> None:
        super().__init__(draft, claims)
        self._binary = binary
        self._last = b""  # a CR at the end of the piece before
        self.fault: str | None = None

    def write(self, data: bytes) -> None:
        """Take the next piece."""
        if not self._binary and self.fault is None:
            self._look(self._last + data if self._last else data)
        if self.fault is None:
            super().write(data)

    def end(self) -> str | None:
        """The message is over: its fault in the words of ``Session.received``, or None."""
        if self._last and self.fault is None:
            self.fault = "bare-cr"
        return self.fault or super().end()

    def _look(self, data: bytes) -> None:
        """RFC 5321 2.3.8 holds for text in chunks too: CR and LF only together, no NUL."""
        self._last = b"\r" if data.endswith(b"\r") else b""
        if b"\0" in data:
            self.fault = "nul"
            return
        pairs = data.count(b"\r\n")
        if data.count(b"\n") != pairs:
            self.fault = "bare-lf"
        elif data.count(b"\r") - len(self._last) != pairs:
            self.fault = "bare-cr"
