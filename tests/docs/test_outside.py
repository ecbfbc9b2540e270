"""The example ``outside``: what IMAP clients get depends on where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom import ListResult
from postroom.testing import Miniature

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "outside"
IMAP = {"services": [{"id": 1, "name": "IMAP4", "listen": ["127.0.0.1:0"], "allow_plaintext_auth": True}]}
INSIDE, OUTSIDE = "192.168.1.7", "192.0.2.7"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Miniature]:
    outside = {"not_offered": ["ID"], "hidden": ["Salaries"]}
    with Miniature(tmp_path, {"outside": outside, "imap4_server": IMAP}, {"plugin_dirs": [EXAMPLE]}) as server:
        server.add_user("alice", "secret")
        yield server


def test_outside_a_login_needs_tls(server: Miniature) -> None:
    with server.connect("IMAP4", address=OUTSIDE) as outside, server.connect("IMAP4", address=INSIDE) as inside:
        assert " LOGINDISABLED" in outside.greeting and "AUTH=" not in outside.greeting
        assert outside.say("a LOGIN alice secret").startswith("a NO [PRIVACYREQUIRED]")
        assert " LOGINDISABLED" not in inside.greeting and " AUTH=PLAIN " in inside.greeting
        assert inside.say("a LOGIN alice secret").startswith("a OK")


def test_outside_fewer_capabilities_are_offered(server: Miniature) -> None:
    with server.connect("IMAP4", address=OUTSIDE) as outside, server.connect("IMAP4", address=INSIDE) as inside:
        assert " ID " not in outside.greeting
        assert " ID " in inside.greeting


@pytest.mark.parametrize(("address", "hidden"), [(INSIDE, False), (OUTSIDE, True)])
def test_outside_some_folders_are_hidden(server: Miniature, address: str, hidden: bool) -> None:
    with server.connect("IMAP4", address=address) as peer:
        for name, expected in (("Salaries", hidden), ("Sent", False)):
            result = server.context.ask.transform("imap_list_result", "result", ListResult(name), client=peer.client)
            assert result.hidden is expected
