"""A relay, direct sending and LAN forwarding side by side in one server, as docs/sending.md shows them."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.catcher import Catcher
from tests.interop.programs import wait_until
from tests.nameserver import NameServer
from tests.server import Server, serving

ONLY_SMTP = [{"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "auth": "optional"}]


@dataclass
class Town:
    """The server and what is behind each of its ways out."""

    server: Server
    provider: Catcher
    world: Catcher
    branch: Catcher

    def send(self, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.ports["SMTP"], "client.example", timeout=20) as client:
            client.sendmail("bob@example.test", recipients, b"Subject: three ways\r\n\r\nx\r\n")


def settings(names: NameServer, world: int, provider: int, branch: int) -> dict[str, Any]:
    return {
        "dns": {"servers": [names.address]},
        "plugins": {
            "lan_forwarding": {"rules": [{"addresses": ["*@branch.test"], "server": f"127.0.0.1:{branch}"}]},
            "local_delivery": {},
            "smtp_direct": {"name": "Direct", "port": world, "domain_filter": "Skip: Recipient:bigmail.test"},
            "smtp_relay": {
                "name": "Relay",
                "servers": [f"127.0.0.1:{provider}"],
                "encryption": "none",
                "domain_filter": "Attempt: Recipient:bigmail.test",
            },
            "smtp_server": {"services": ONLY_SMTP},
            "pop3_server": None,
            "imap4_server": None,
        },
        "connections": [
            {"name": "Line", "sender": "Direct", "default": True, "immediate": True},
            {"name": "Provider", "sender": "Relay", "immediate": True, "default": False},
        ],
    }


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    zone = {"far.test": {"MX": ["10 mx.far.test."]}, "mx.far.test": {"A": ["127.0.0.1"]}, "bigmail.test": {"MX": ["10 mx.far.test."]}}
    with ExitStack() as stack:
        names = stack.enter_context(NameServer(zone))
        provider, world, branch = (Catcher() for _ in range(3))
        for each in (provider, world, branch):
            stack.callback(each.close)
        changes = settings(names, world.port, provider.port, branch.port)
        server = stack.enter_context(serving(folder, changes, {"bob": "secret"}))
        yield Town(server, provider, world, branch)


def recipients(catcher: Catcher) -> list[str]:
    return sorted(name for message in catcher.messages for name in message.recipients)


def test_each_message_leaves_by_its_way(town: Town) -> None:
    town.send("joe@far.test", "ann@branch.test", "sue@bigmail.test", "bob@example.test")
    wait_until(lambda: town.world.messages and town.branch.messages)
    assert recipients(town.world) == ["joe@far.test"]
    assert recipients(town.branch) == ["ann@branch.test"]
    assert len(town.server.wait_for_mail("bob")) == 1


def test_what_the_first_sender_leaves_the_second_takes(town: Town) -> None:
    town.send("sue@bigmail.test")
    wait_until(lambda: town.provider.messages)
    assert set(recipients(town.provider)) == {"sue@bigmail.test"}
    assert "sue@bigmail.test" not in recipients(town.world)


def test_explain_says_which_way_and_why(town: Town) -> None:
    assert "*@branch.test" in town.server.run("explain", "ann@branch.test", "--user", "bob").stdout
    told = town.server.run("explain", "sue@bigmail.test", "--user", "bob").stdout
    assert "Provider (sender Relay)" in told
    assert "line 1: Skip: Recipient:bigmail.test" in told
