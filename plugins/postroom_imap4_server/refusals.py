"""The three ways in which a command fails: No, Bad and Bye, each with its response code and its words."""

from __future__ import annotations


class Refusal(Exception):
    """A command that is not obeyed. ``code`` is the response code without brackets (RFC 9051 section 7.1), "" for none."""

    condition = "NO"

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text, self.code = text, code

    def line(self, tag: bytes) -> bytes:
        """The response with its tag (``b"*"`` for an untagged one)."""
        code = f"[{self.code}] " if self.code else ""
        words = " ".join(f"{self.condition} {code}{self.text}".split())  # on one line, whatever a plugin has written
        return b"%s %s\r\n" % (tag, words.encode("utf-8", "replace"))


class No(Refusal):
    """The command was understood, but cannot be obeyed."""


class Bad(Refusal):
    """The command was not understood, or is not allowed now: it counts against the session."""

    condition = "BAD"


class Bye(Refusal):
    """Nothing more can be said on this connection; ``line(b"*")`` is the last word."""

    condition = "BYE"


class Closing(Exception):
    """All is said, and the client has asked for the end (LOGOUT)."""
