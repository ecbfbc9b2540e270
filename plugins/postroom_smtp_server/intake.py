"""Where the bytes of a message go while they arrive."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from postroom.store.database import StoreUnavailable

if TYPE_CHECKING:
    from postroom.store.blobs import Draft


class Intake:
    """The sink of DATA: a draft whose faults are kept for the end, because the client must finish sending first."""

    __slots__ = ("draft", "failed")

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.failed = ""  # what the store said

    def write(self, data: bytes) -> None:
        """Take the next piece."""
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

    def __init__(self, draft: Draft, *, binary: bool) -> None:
        super().__init__(draft)
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
        return self.fault

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
