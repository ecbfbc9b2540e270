"""The loop of a connection."""

from __future__ import annotations

from collections.abc import Callable

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Client = Callable[..., Talk]


def test_a_user_logs_in_and_out(server: Miniature) -> None:
    with Talk(server) as talk:
        assert talk.greeting.startswith("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ")
        assert talk.answer('LOGIN alice "secret"').startswith("OK [CAPABILITY IMAP4rev1 ")
        assert talk.answer("NOOP") == "OK NOOP completed"
        assert talk("LOGOUT") == [b"* BYE Logging out", b"OK LOGOUT completed"]
        assert talk.response() == b""
