"""Every command and every capability has a dialogue that names it at its head."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from postroom.testing.miniature import Miniature
from postroom_imap4_server.commands import COMMANDS
from tests.dialogue import load
from tests.peers import TLS_DETAILS, SocketPeer
from tests.plugins.imap4_server.connections import Connections

FILES = sorted((Path(__file__).parents[2] / "dialogues" / "imap4").glob("*.txt"))
WITH_VALUE = ("APPENDLIMIT", "MESSAGELIMIT")  # the number behind = is a setting
COVERED = {path.stem: {word.strip() for word in load(path).settings.get("covers", "").split(",") if word.strip()} for path in FILES}
ALL = set().union(*COVERED.values())
DOCUMENT = Path(__file__).parents[3] / "docs" / "imap.md"


def capabilities(peer: SocketPeer) -> set[str]:
    """What is offered now."""
    peer.send(b"a CAPABILITY\r\n")
    while (line := peer.line()) is not None and not line.startswith("* CAPABILITY "):
        pass
    assert line is not None
    assert (peer.line() or "").startswith("a OK")
    words = line.split()[2:]
    return {word.partition("=")[0] if word.startswith(WITH_VALUE) else word for word in words}


def every_capability(folder: Path) -> set[str]:
    """With and without TLS, before and after the login, of a service that takes passwords in clear and one that does not."""
    services = [
        {"id": number, "name": name, "listen": ["127.0.0.1:0"], "encryption": "starttls", "allow_plaintext_auth": plain}
        for number, name, plain in ((1, "open", True), (2, "shut", False))
    ]
    found: set[str] = set()
    with Miniature(folder, {"imap4_server": {"services": services}}) as miniature:
        miniature.add_user("alice", "secret")
        for name, tls in ((name, tls) for name in ("open", "shut") for tls in (None, TLS_DETAILS)):
            connections = Connections(miniature, name, tls=tls)
            peer = connections.open()
            peer.line()
            found |= capabilities(peer)
            if name == "open" or tls:
                peer.send(b"b LOGIN alice secret\r\n")
                assert (peer.line() or "").startswith("b OK")
                found |= capabilities(peer)
            peer.close()
            connections.close()
    return found


def says(path: Path, command: str) -> bool:
    """Whether a client uses this command in a file."""
    return any(re.match(rf"\S+ {command}\b", step.text, re.IGNORECASE) for step in load(path).steps if step.kind in {"C:", "C="})


def test_every_command_has_a_dialogue() -> None:
    """A file that names it at its head, and uses it."""
    commands = {name.decode() for name in COMMANDS}
    assert {one for one in commands if not any(one in COVERED[path.stem] and says(path, one) for path in FILES)} == set()


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every capability that there is."""
    found = every_capability(tmp_path_factory.mktemp("capabilities"))
    assert len(found) > 50
    return found


def test_every_capability_has_a_dialogue(offered: set[str]) -> None:
    assert offered - ALL == set()


def test_every_capability_stands_in_the_documentation(offered: set[str]) -> None:
    rows = [line.split("|")[1] for line in DOCUMENT.read_text("utf-8").splitlines() if line.count("|") > 3]
    documented = {word.strip().rstrip("=") for row in rows for word in row.split(",")}
    assert {word for word in offered if not word.startswith("AUTH=")} - documented == set()


def test_every_dialogue_covers_something() -> None:
    assert [name for name, words in COVERED.items() if not words] == []
