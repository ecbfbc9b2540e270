"""One server with many ways out, to a real Postfix (open and only with a login), to smtp-sink, to a catcher, and to nobody.

Mail finds its way by its domain: SENDERS names those with a sender of a relay, LAN rules the others.
"""

from __future__ import annotations

import re
import smtplib
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import postfix
from postroom import ids
from postroom.store.accounts import Accounts
from postroom.store.database import Database
from postroom.store.traces import Traces
from tests.authority import issue
from tests.catcher import Catcher, Caught
from tests.house import smtp_sink
from tests.interop import sasl
from tests.interop.programs import subject, wait_until
from tests.server import ROOT, Server

USERS = {"bob": "secret", "ann": "secret", "joe": "secret"}
LOGINS = {"fred": "geheim", "ann@isp": "geheim-1", "sales@isp": "geheim-2"}  # at the Postfix
SENDERS = {
    "accounts.test": "Accounts",
    "away.test": "Away",
    "tiny.test": "Tiny",
    "five.test": "Five",
    "sessions.test": "Sessions",
    "crowds.test": "Crowds",
    "rated.test": "Rated",
}
NEVER = {"schedule": "1h", "unreachable": "1h"}  # no second attempt while a test lasts


@dataclass(frozen=True)
class Ports:
    """Where the neighbours listen."""

    postfix: int
    guarded: int  # the same Postfix, which insists on a login here and offers no 8BITMIME
    sink: int
    catcher: int
    nobody: int
    pop3: int  # our own


@dataclass
class Ways:
    """The server and its neighbours."""

    server: Server
    ports: Ports
    catcher: Catcher
    folder: Path
    database: Database

    def send(self, mail: bytes, *recipients: str, user: str = "", sender: str = "bob@example.test") -> str:
        """Hand a message in; its trace id."""
        with smtplib.SMTP("127.0.0.1", self.server.ports["SMTP"], "client.example", timeout=20) as client:
            client.ehlo()
            if user:
                client.login(user, USERS[user])
            client.mail(sender, ["BODY=8BITMIME"])
            for one in recipients:
                assert client.rcpt(one)[0] == 250
            code, words = client.data(mail)
        assert code == 250, words
        return words.decode().split()[-1]

    def life(self, trace: str) -> list[tuple[str, dict[str, Any]]]:
        """What the trace says of each recipient."""
        events = Traces(self.database).life(ids.parse(trace))
        return [(event.event, one) for event in events for one in event.detail.get("to", ()) if isinstance(one, dict)]

    def told(self, trace: str, event: str) -> dict[str, Any]:
        """The first recipient of this event, as soon as there is one."""
        return wait_until(
            lambda: next((one for name, one in self.life(trace) if name == event), None),
            lambda: f"{self.life(trace)}\n{self.server.log[-3000:]}",
        )

    def delivered(self, mail: bytes, *recipients: str, **more: str) -> tuple[bytes, dict[str, Any]]:
        """A message as the Postfix has it in the end, and what our trace says."""
        found = self.told(self.send(mail, *recipients, **more), "delivered")
        box = self.folder / "postfix" / "postfix" / "mail" / "box" / "new"
        return wait_until(lambda: next((one for one in (file.read_bytes() for file in box.glob("*")) if subject(mail) in one), None)), found

    def sunk(self, mail: bytes) -> str:
        """A message as smtp-sink has written it, as soon as it has."""
        word = subject(mail).decode()

        def look() -> str | None:
            return next(
                (one for one in (file.read_text("utf-8", "replace") for file in (self.folder / "sink").iterdir()) if word in one), None
            )

        return wait_until(look)

    def caught(self, domain: str, recipients: int) -> list[Caught]:
        """The messages for a domain, as soon as the catcher has so many recipients there."""

        def look() -> list[Caught]:
            found = [one for one in self.catcher.messages if one.recipients[0].endswith(f"@{domain}")]
            return found if sum(len(one.recipients) for one in found) >= recipients else []

        return wait_until(look, lambda: f"{[(one.recipients, one.at) for one in self.catcher.messages]}\n{self.server.log[-3000:]}")


def recipients(sunk: str) -> list[str]:
    """Whom smtp-sink has got a message for."""
    return re.findall(r"^X-Rcpt-Args: <(.*?)>", sunk, re.MULTILINE)


def lan_rules(ports: Ports) -> list[dict[str, Any]]:
    """One of each kind."""
    guarded = f"127.0.0.1:{ports.guarded}"
    return [
        {"addresses": "sales*@*.branch.test", "server": f"127.0.0.1:{ports.postfix}"},
        {"addresses": ["*@old.test"], "server": f"127.0.0.1:{ports.postfix}", "rewrite": "*@new.test"},
        {"addresses": "*@guarded.test", "server": "127.0.0.1", "port": ports.guarded, "username": "fred", "password": LOGINS["fred"]},
        {"addresses": "*@locked.test", "server": guarded, "username": "ann@isp", "password": "not-geheim"},
        {"addresses": "*@sunk.test", "server": f"127.0.0.1:{ports.sink}"},
        {"addresses": "~@example.test", "server": f"127.0.0.1:{ports.sink}"},
    ]


def relays(ports: Ports) -> list[dict[str, Any]]:
    """Senders of the relay."""
    accounts = [
        {"user": "ann", "username": "ann@isp", "password": LOGINS["ann@isp"]},
        {"user": "*@sales.example", "username": "sales@isp", "password": LOGINS["sales@isp"]},
        {"user": "joe", "username": "joe@isp", "password": "unknown there"},
    ]
    catcher = {"servers": [f"127.0.0.1:{ports.catcher}"]}
    small, rest = "Attempt: Recipient:sized.test", ["Skip: Recipient:dialup.test", "Skip: Recipient:sized.test Size<10KB"]
    modem = {"wait_for_login": True, "domain_filter": "Attempt: Recipient:dialup.test"}
    found: list[dict[str, Any]] = [
        {"name": "Accounts", "servers": [f"127.0.0.1:{ports.guarded}"], "accounts": accounts, "fallback": ["Plain"]},
        {"name": "Away", "servers": [f"127.0.0.1:{ports.nobody}"], "fallback": ["Away too", "Tiny", "Plain"]},
        {"name": "Away too", "servers": [f"127.0.0.1:{ports.nobody}"]},
        {"name": "Tiny", "servers": [f"127.0.0.1:{ports.sink}"], "max_message_size": "10KB"},
        {"name": "Narrow", "servers": [f"127.0.0.1:{ports.sink}"], "max_message_size": "10KB", "domain_filter": small},
        {"name": "Plain", "servers": [f"127.0.0.1:{ports.postfix}"], "domain_filter": rest},
        {"name": "Dialup", "servers": [f"127.0.0.1:{ports.postfix}"], **modem},
        {"name": "Five", "max_recipients_per_message": 20, **catcher},
        {"name": "Sessions", "max_messages_per_session": 2, "concurrency": 1, **catcher},
        {"name": "Crowds", "max_recipients_per_session": 4, "concurrency": 1, **catcher},
        {"name": "Rated", "rate": {"messages": 3, "recipients": 5, "per": "4s"}, **catcher},
    ]  # fmt: skip
    return [{"encryption": "starttls-if-available", "verify": False, "retry": NEVER} | one for one in found]


def settings(ports: Ports, folder: Path) -> dict[str, Any]:
    """The server's configuration."""
    clear = {"id": 1, "allow_plaintext_auth": True}
    return {
        "server": {"workers": 3},
        "plugin_dirs": [str(ROOT / "tests" / "interop" / "plugins")],
        "plugins": {
            "by_domain": {"channels": SENDERS},
            "lan_forwarding": {"rules": lan_rules(ports), "retry": NEVER},
            "local_delivery": {},
            "smtp_relay": {"senders": relays(ports)},
            "pop3_login": {"port": ports.pop3, "user": "bob", "password_file": str(folder / "password")},
            "smtp_server": {"services": [{"name": "SMTP", "listen": ["127.0.0.1:0"], "auth": "optional", **clear}]},
            "pop3_server": {"services": [{"name": "POP3", "listen": [f"127.0.0.1:{ports.pop3}"], **clear}]},
            "imap4_server": None,
        },
        "connections": [
            {"name": "Internet", "sender": "Plain", "default": True, "immediate": True},
            {"name": "Line", "sender": "Narrow", "default": True, "immediate": True},
            {"name": "Modem", "sender": "Dialup", "collectors": ["Login"]},
        ],
    }  # fmt: skip


def furnish(database: Database, ports: Ports) -> None:
    """What users, mappings and lists know of other servers."""
    accounts, login = Accounts(database), f"fred:{LOGINS['fred']}@127.0.0.1:{ports.guarded}"
    accounts.add_mapping("mapped@example.test", [f"SMTP:mapped@far.test@{login}", f"SMTP:second@far.test@127.0.0.1:{ports.sink}"])
    accounts.add_list("staff", ["bob", f"SMTP:member@far.test@{login}"])
    accounts.update("joe", forward=(f"SMTP:joe@far.test@{login}",), use_forwarding=True)


def options(folder: Path) -> dict[str, str]:
    """main.cf: all domains are its own, logins only over TLS."""
    certificate = str(issue("localhost").write(folder))
    return {
        "virtual_mailbox_domains": "static:all",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_auth_only": "yes",
        "smtpd_tls_cert_file": certificate,
        "smtpd_tls_key_file": certificate,
        "message_size_limit": "100000",
    }


@pytest.fixture(scope="session")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """The server with all its neighbours; one for all tests that go by them."""
    if not sasl.available():
        pytest.skip("Postfix or Dovecot is not installed, or we are not root")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postroom-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        catcher, sink = Catcher(), postfix.free_port()
        stack.callback(catcher.close)
        open_port, guarded = stack.enter_context(sasl.running(folder / "postfix", LOGINS, options(folder)))
        stack.enter_context(smtp_sink(folder / "sink", sink))
        ports = Ports(open_port, guarded, sink, catcher.port, taken.getsockname()[1], postfix.free_port())
        server = Server(tmp_path_factory.mktemp("ways") / "server")
        server.configure(settings(ports, folder))
        server.add_accounts(USERS)
        database = stack.enter_context(server.database())
        furnish(database, ports)
        stack.callback(server.stop)
        yield Ways(server.start(), ports, catcher, folder, database)
