"""Every command and every capability has a dialogue that names it at its head."""

from __future__ import annotations

from pathlib import Path

from postroom.testing.miniature import Miniature
from postroom_imap4_server.commands import COMMANDS
from tests.dialogue import load
from tests.peers import SocketPeer
from tests.plugins.imap4_server.connections import Connections

FILES = sorted((Path(__file__).parents[2] / "dialogues" / "imap4").glob("*.txt"))
WITH_VALUE = ("APPENDLIMIT", "MESSAGELIMIT")  # the number behind = is a setting
COVERED = {path.stem: {word.strip() for word in load(path).settings.get("covers", "").split(",") if word.strip()} for path in FILES}
ALL = set().union(*COVERED.values())


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
    """Before and after STARTTLS and the login, of a service that takes passwords in clear and one that does not."""
    services = [
        {"id": number, "name": name, "listen": ["127.0.0.1:0"], "encryption": "starttls", "allow_plaintext_auth": plain}
        for number, name, plain in ((1, "open", True), (2, "shut", False))
    ]
    found: set[str] = set()
    with Miniature(folder, {"imap4_server": {"services": services}}) as miniature:
        miniature.add_user("alice", "secret")
        for name in ("open", "shut"):
            connections = Connections(miniature, name)
            peer = connections.open()
            peer.line()
            found |= capabilities(peer)
            peer.send(b"b STARTTLS\r\n")
            assert (peer.line() or "").startswith("b OK")
            peer.start_tls()
            found |= capabilities(peer)
            peer.send(b"c LOGIN alice secret\r\n")
            assert (peer.line() or "").startswith("c OK")
            found |= capabilities(peer)
            peer.close()
            connections.close()
    return found


def test_every_command_has_a_dialogue() -> None:
    assert {name.decode() for name in COMMANDS} - ALL == set()


def test_every_capability_has_a_dialogue(tmp_path: Path) -> None:
    offered = every_capability(tmp_path)
    assert len(offered) > 50
    assert offered - ALL == set()


def test_a_dialogue_speaks_of_what_it_covers() -> None:
    """Whoever says that it covers a command uses it."""
    for path in FILES:
        said = "\n".join(step.text for step in load(path).steps if step.kind in {"C:", "C="}).upper()
        for name in COVERED[path.stem] & {name.decode() for name in COMMANDS}:
            assert name in said, f"{path.name} covers {name}, but the client never says it"


def test_every_dialogue_covers_something() -> None:
    assert [name for name, words in COVERED.items() if not words] == []
