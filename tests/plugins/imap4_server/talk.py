"""An IMAP client for tests: says a command, hears everything up to its tagged answer, literals included."""

from __future__ import annotations

import re
from typing import Any, Self

from postroom.testing import Miniature

LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Talk:
    """A client of a service of ``server``, on loopback unless ``facts`` say otherwise. ``greeting``: what it heard first."""

    def __init__(self, server: Miniature, service: str = "IMAP4", **facts: Any) -> None:
        self.server = server
        self.peer = server.connect(service, **({"address": "127.0.0.1"} | facts))
        self.greeting = self.peer.greeting
        self._tags = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __call__(self, command: str | bytes, *literals: bytes) -> list[bytes]:
        """Say a command (without its tag); all responses, the tagged one last, its tag replaced by "OK …", "NO …", "BAD …".

        Each of ``literals`` is sent when the server asks for it, so ``command`` and each of them but the last must end in ``{n}``; the
        CRLF at the very end is added. ``b"{5}"`` and the like are the caller's to write: ``talk(b"APPEND INBOX {5}", b"hello")``.
        """
        tag = self.begin(command)
        for literal in literals:
            answer = self.response()
            assert answer.startswith(b"+"), f"{answer!r} instead of a continuation"
            self.peer.send(literal + b"\r\n")
        return self.until(tag)

    def begin(self, command: str | bytes) -> bytes:
        """Say a command and do not wait; its tag."""
        self._tags += 1
        tag = b"t%d" % self._tags
        self.peer.send(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        return tag

    def until(self, tag: bytes) -> list[bytes]:
        """Everything up to the tagged answer, which comes without its tag."""
        found = [self.response()]
        while not found[-1].startswith(tag + b" "):
            assert found[-1], f"the server has hung up after {found!r}"
            found.append(self.response())
        found[-1] = found[-1].removeprefix(tag + b" ")
        return found

    def ok(self, command: str | bytes, *literals: bytes) -> list[bytes]:
        """Say a command that must succeed; the untagged responses."""
        *untagged, answer = self(command, *literals)
        assert answer.startswith(b"OK"), f"{command!r}: {answer!r}"
        return untagged

    def answer(self, command: str | bytes, *literals: bytes) -> str:
        """Say a command; its tagged answer without the tag."""
        return self(command, *literals)[-1].decode()

    def log_in(self, name: str = "alice", password: str = "secret") -> Self:
        """LOGIN."""
        self.ok(f'LOGIN {name} "{password}"')
        return self

    def response(self) -> bytes:
        """The next response, with its literals, without its last CRLF; b"" when the server has hung up."""
        data = self.peer.read()
        while found := LITERAL.search(data):
            data += self.peer.read(int(found[1])) + self.peer.read()
        return data.removesuffix(b"\r\n")

    def close(self) -> None:
        """Hang up."""
        self.peer.close()
