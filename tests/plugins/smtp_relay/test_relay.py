"""The relay sender: all recipients in one go through the first server that answers, and connections closed at the end."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from postroom.asking import Asker
from postroom.clients.oauth import TokenSource
from postroom.clients.smtp.connect import Dialer
from postroom.config.core_sections import QueueSettings
from postroom.hookspecs import new_manager
from postroom.mail.delivery import Delivered, TryLater
from postroom.provided import Outgoing
from postroom.store.database import Database
from postroom.testing import FakeResolver
from postroom_smtp_relay.plugin import Plugin, Settings
from postroom_smtp_relay.sender import RelaySender
from tests.core.clients.smtp_peer import PIPELINING, Peer, outgoing

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
ENVELOPE = "C: MAIL *\nC: RCPT TO:<a@one.test>\nC: RCPT TO:<b@two.test>\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n"
SENT = f"{PIPELINING}{ENVELOPE}!message\nS: 250 Ok\n"
QUIT = "C: QUIT\nS: 221 Bye\n"


def sender(*servers: str, **more: object) -> RelaySender:
    settings = Settings(servers=list(servers), **{"encryption": "none", **more})
    return RelaySender(settings, "client.test", Dialer(lambda name: ["127.0.0.1"]))


def unheard() -> Asker:
    """Hooks that nobody has."""
    return Asker(new_manager().hook, lambda: 0.0, lambda *_: None)


def test_all_recipients_go_to_the_relay_together_whatever_their_domains() -> None:
    with Peer(SENT + QUIT) as peer:
        relay = sender(f"relay.test:{peer.port}")
        assert {relay.site(address) for address in ("a@one.test", "b@two.test")} == {""}
        outcomes = relay.send(outgoing("a@one.test", "b@two.test"))
        assert [type(outcome) for outcome in outcomes.values()] == [Delivered, Delivered]
        relay.close()


def test_the_second_server_is_used_when_the_first_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        dead = sock.getsockname()[1]
    with Peer(SENT + QUIT) as peer:
        relay = sender(f"dead.test:{dead}", f"relay.test:{peer.port}")
        assert isinstance(relay.send(outgoing("a@one.test", "b@two.test"))[1], Delivered)
        relay.close()


def test_the_server_is_looked_up_by_the_configured_resolver() -> None:
    asked = FakeResolver({"relay.test": ["127.0.0.1"]})
    with Peer(SENT + QUIT) as peer:
        config = SimpleNamespace(server=SimpleNamespace(hostname="client.test"), queue=QueueSettings())
        settings = Settings(servers=[f"relay.test:{peer.port}"], encryption="none")
        plugin = Plugin(SimpleNamespace(config=config, dns=asked, ask=unheard(), log=None), settings)  # type: ignore[arg-type]
        assert isinstance(plugin.senders[0].send(outgoing("a@one.test", "b@two.test"))[1], Delivered)
        plugin.worker_stopping()


def test_a_relay_that_is_away_is_a_temporary_failure_for_every_recipient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        dead = sock.getsockname()[1]
    outcomes = sender(f"dead.test:{dead}").send(outgoing("a@one.test", "b@two.test"))
    assert [type(outcome) for outcome in outcomes.values()] == [TryLater, TryLater]
    assert "Connection refused" in outcomes[1].reply.text  # type: ignore[union-attr]


def test_max_recipients_per_message_splits_a_message() -> None:
    one = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n"
    with Peer(f"{PIPELINING}{one}{one}{QUIT}") as peer:
        relay = sender(f"relay.test:{peer.port}", max_recipients_per_message=1)
        relay.send(outgoing("a@one.test", "b@two.test"))
        relay.close()


def test_max_messages_per_session_ends_a_connection() -> None:
    with Peer(SENT + QUIT, SENT + QUIT) as peer:
        relay = sender(f"relay.test:{peer.port}", max_messages_per_session=1)
        for _ in range(2):
            relay.send(outgoing("a@one.test", "b@two.test"))


def test_the_plugin_registers_its_senders_and_closes_them_when_the_worker_stops() -> None:
    server = SimpleNamespace(hostname="client.test")
    context = SimpleNamespace(config=SimpleNamespace(server=server, queue=QueueSettings()), dns=FakeResolver(), ask=unheard(), log=None)
    with Peer(f"{PIPELINING.replace('client.test', '*')}{ENVELOPE}!message\nS: 250 Ok\n{QUIT}") as peer:
        section = {"name": "ISP", "servers": [f"127.0.0.1:{peer.port}"], "encryption": "none", "concurrency": 3}
        plugin = Plugin(context, Settings(senders=[section]))  # type: ignore[arg-type]
        (relay,) = plugin.register_senders()
        assert (relay.name, relay.concurrency) == ("ISP", 3)
        relay.send(outgoing("a@one.test", "b@two.test"))
        relay.idle()
        plugin.worker_stopping()


def test_a_new_refresh_token_is_kept_for_the_next_start(db: Database, tmp_path: Path) -> None:
    oauth = {"token_url": "https://login.test/token", "client_id": "app", "refresh_token": "r1"}
    server = SimpleNamespace(hostname="client.test", data_dir=tmp_path)
    context = SimpleNamespace(
        config=SimpleNamespace(server=server, queue=QueueSettings()), dns=FakeResolver(), db=db, log=None, ask=unheard()
    )

    def tokens() -> TokenSource:
        plugin = Plugin(context, Settings(servers=["relay.test"], username="me", oauth=oauth))  # type: ignore[arg-type]
        login = plugin.senders[0].hops[0].credentials
        assert login is not None and isinstance(login.tokens, TokenSource)
        return login.tokens

    tokens()._keep_refresh_token("r2")
    source = tokens()
    assert source._take_kept() and source._refresh_token == "r2"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A running smtp-sink and the file into which it writes what it gets."""
    if SINK is None:
        pytest.skip("smtp-sink (Debian package postfix) is not installed")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    dump = tmp_path / "mail"
    process = subprocess.Popen([SINK, "-u", "root", "-D", str(dump), f"127.0.0.1:{port}", "100"])
    try:
        wait_for(port)
        yield port, dump
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("smtp-sink did not start")


def test_a_real_postfix_sink_gets_every_message_of_many_at_once(sink: tuple[int, Path]) -> None:
    port, dump = sink
    relay = sender(f"localhost:{port}", concurrency=5)
    messages = [b"Subject: %d\r\n\r\n..dots\r\n" % number + b"x" * 70 + b"\r\n" * number for number in range(40)]

    def send(message: bytes) -> type:
        return type(relay.send(numbered(message))[1])

    with ThreadPoolExecutor(5) as threads:
        assert set(threads.map(send, messages)) == {Delivered}
    assert len(relay.pool) <= 5
    relay.close()
    written = dump.read_bytes()
    assert {written.count(b"Subject: %d\n" % number) for number in range(40)} == {1}
    assert written.count(b"\n..dots\n") == 40


def numbered(message: bytes) -> Outgoing:
    return outgoing("a@one.test", message=message)
