"""The server that most tests against a listening server share: one for each of sqlite/postgresql × one/three workers.

Everything is in one configuration, so that few servers have to be started: usual services, one service for each dialogue
file, and senders to a real Postfix, to smtp-sink and to a catcher of ours. Clients come from where a PROXY header says.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench import postfix
from postroom.store.accounts import Accounts
from tests.accounts import fill
from tests.catcher import Catcher
from tests.dialogue import Dialogue, load
from tests.server import BASE, ROOT, Server

PASSWORDS = {"bob": "secret", "alice": "secret", "carol": "secret word", "dave": "secret", "erin": "secret", "frank": "secret"}
REVERSIBLE = ("bob", "carol", "dave")
STRANGER, TRUSTED, DENIED = "192.0.2.{}", "198.51.100.{}", "203.0.113.{}"
USUAL: dict[str, dict[str, Any]] = {  # for all dialogues of a protocol
    "smtp": {},
    "pop3": {"allow_plaintext_auth": True},
    "imap4": {"allow_plaintext_auth": True},
}
ACCESS = [{"allow": "198.51.100.0/24", "no_auth": True}, {"allow": ["192.0.2.0/24", "loopback"]}]


@dataclass(frozen=True)
class House:
    """A running server and its neighbours."""

    server: Server
    postfix: int | None  # the port of a Postfix; None where it cannot run
    neighbours: Path  # the folder of Postfix and smtp-sink
    catcher: Catcher

    @property
    def sunk(self) -> list[str]:
        """What smtp-sink has got, with what it puts on top; it writes lines that end with LF."""
        return [file.read_text("utf-8", "replace") for file in sorted((self.neighbours / "sink").iterdir())]

    @property
    def postfix_mail(self) -> list[bytes]:
        """What the Postfix has got for its users."""
        return [file.read_bytes() for file in sorted((self.neighbours / "postfix" / "mail" / "box" / "new").glob("*"))]

    def port(self, service: str) -> int:
        """The port of a service."""
        return self.server.ports[service]


def dialogues(protocol: str) -> dict[str, Dialogue]:
    """The dialogue files of a protocol that make sense against a listening server, by name."""
    found = {path.stem: load(path) for path in sorted((ROOT / "tests" / "dialogues" / protocol).glob("*.txt"))}
    return {name: dialogue for name, dialogue in found.items() if dialogue.settings.get("only") != "session"}


def settings_of(dialogue: Dialogue, name: str) -> dict[str, Any]:
    """A setting of a dialogue file that is a mapping."""
    found = yaml.safe_load(dialogue.settings.get(name, "{}"))
    return {key: "off" if value is False and key == "auth" else value for key, value in found.items()}


def dialogue_services(protocol: str) -> list[dict[str, Any]]:
    """A service for each dialogue, with the settings that its file names, behind a proxy."""
    return [
        {
            "id": number,
            "name": f"{protocol}/{name}",
            "listen": ["127.0.0.1:0"],
            "proxy_from": ["127.0.0.1"],
            **USUAL[protocol],
            **settings_of(dialogue, "service"),
        }
        for number, (name, dialogue) in enumerate(dialogues(protocol).items(), 100)
    ]


def proxied(address: str) -> bytes:
    """The PROXY header of a client with that address."""
    return f"PROXY TCP4 {address} 192.0.2.254 40000 25\r\n".encode()


def client_address(dialogue: Dialogue, number: int) -> str:
    """An address of its own for each dialogue, of the kind that its file names."""
    client = settings_of(dialogue, "client")
    kind = TRUSTED if client.get("no_auth") else DENIED if client.get("allowed") is False else STRANGER
    return kind.format(number % 250 + 1)


def changes(database: str | None, workers: int, smtp_port: int, relays: Mapping[str, int]) -> dict[str, Any]:
    """The configuration of a house, as changes to that of all test servers."""
    smtp, pop3 = BASE["plugins"]["smtp_server"]["services"], BASE["plugins"]["pop3_server"]["services"]
    imap4 = BASE["plugins"]["imap4_server"]["services"]
    first = {**smtp[0], "listen": [f"127.0.0.1:{smtp_port}", "unix:smtp.sock"]}
    senders = [
        {"name": name, "servers": [f"127.0.0.1:{port}"], "encryption": "starttls-if-available", "verify": False}
        for name, port in relays.items()
    ]
    return {
        "server": {"workers": workers},
        **({"database": {"url": database, "pool": 5}} if database else {}),
        "domains": {"default": "example.test", "local": ["example.test", "münchen.test"]},
        "access": ACCESS,
        "plugin_dirs": [str(ROOT / "tests" / "interop" / "plugins")],
        "plugins": {
            "by_domain": {},
            "smtp_server": {"services": [first, *smtp[1:], *dialogue_services("smtp")]},
            "pop3_server": {"services": [*pop3, *dialogue_services("pop3")]},
            "imap4_server": {"services": [*imap4, *dialogue_services("imap4")]},
            "smtp_relay": {"senders": senders},
            "metrics": {"services": [{"id": 1, "name": "Metrics", "listen": ["127.0.0.1:0"]}]},
        },
        "connections": [{"name": "Internet", "sender": "Postfix", "default": True, "immediate": True}],
    }


@contextmanager
def open_house(folder: Path, database: str | None, workers: int) -> Iterator[House]:
    """A server with its neighbours, all stopped at the end."""
    with ExitStack() as neighbours:
        # not below pytest's folders: they may be entered by their owner only, and Postfix has users of its own
        street = Path(neighbours.enter_context(tempfile.TemporaryDirectory(prefix="postroom-", ignore_cleanup_errors=True)))
        smtp_port, sink_port = postfix.free_port(), postfix.free_port()
        catcher = Catcher()
        neighbours.callback(catcher.close)
        mta = None
        if postfix.available():
            mta = neighbours.enter_context(postfix.running(street / "postfix", next_hop(smtp_port)))
            neighbours.enter_context(smtp_sink(street / "sink", sink_port))
        relays = {"Postfix": mta or sink_port, "Sink": sink_port, "Catch": catcher.port}
        server = Server(folder / "server")
        server.configure(changes(database, workers, smtp_port, relays))
        furnish(server)
        try:
            yield House(server.start(), mta, street, catcher)
        finally:
            server.stop()


def furnish(server: Server) -> None:
    """The accounts and mappings of a house."""
    server.add_accounts(PASSWORDS, reversible=REVERSIBLE)
    with server.database() as database:
        accounts = Accounts(database)
        accounts.update("alice", internet=False, max_size=1000)
        accounts.add_mapping("jörg@münchen.test", ["bob"])
        fill(database, dialogues("imap4"))


def next_hop(port: int) -> dict[str, str]:
    """main.cf for a Postfix that keeps mail for postfix.test and sends all other mail to us."""
    return {"virtual_mailbox_domains": "postfix.test", "relayhost": f"[127.0.0.1]:{port}", "smtp_tls_security_level": "may"}


@contextmanager
def smtp_sink(folder: Path, port: int) -> Iterator[None]:
    """Postfix's smtp-sink, which writes each message into a file in ``folder``."""
    folder.mkdir(parents=True)
    command = ["smtp-sink", "-u", "root", "-d", f"{folder}/%s.", f"127.0.0.1:{port}", "64"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.communicate()
