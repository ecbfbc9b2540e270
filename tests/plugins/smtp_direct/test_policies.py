"""The whole way of a policy: announced in the DNS, fetched over HTTPS, obeyed, noted, written down for the daily report."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from postroom.dns import Resolver
from postroom.log import get as get_log
from postroom.mail.delivery import Delivered, TryLater
from postroom.store.database import Database
from postroom.store.tls_results import TlsResultStore
from postroom.tls_policy.results import TlsResults
from postroom.tls_policy.sts_cache import StsPolicies
from postroom.tls_policy.sts_fetch import StsFetch
from postroom_smtp_direct.sender import DirectSender
from tests.authority import issue, root
from tests.core.clients.smtp_peer import Peer, outgoing
from tests.core.tls_policy.web import Web, serving
from tests.nameserver import NameServer
from tests.plugins.smtp_direct.direct import direct
from tests.plugins.smtp_direct.test_tls import CLEAR, ENCRYPTED

DAY = 86_400
POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"
ZONE = {
    "d.test": {"MX": ["10 mx.d.test."]},
    "mx.d.test": {"A": ["127.0.0.1"]},
    "mta-sts.d.test": {"A": ["127.0.0.1"]},
    "_mta-sts.d.test": {"TXT": ['"v=STSv1; id=1"']},
    "_smtp._tls.d.test": {"TXT": ['"v=TLSRPTv1; rua=mailto:tls@d.test"']},
}


@dataclass
class World:
    """Certificates, the policy host, and a name server that knows both."""

    context: ssl.SSLContext
    ca: Path
    web: Web
    resolver: Resolver
    db: Database

    def sender(self, port: int) -> DirectSender:
        """A direct sender that asks this world."""
        sender = direct(self.resolver, db=self.db, port=port, tls={"ca": self.ca})
        sts = StsPolicies(self.db, StsFetch(self.resolver, port=self.web.port, ca=self.ca), log=get_log())
        sender.router._policies._sts = sts
        sender.maker._results = TlsResults(self.db, self.resolver, log=get_log())
        return sender


@pytest.fixture
def world(db: Database, tmp_path: Path) -> Iterator[World]:
    authority = root()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issue("mx.d.test", by=authority).write(tmp_path, "mx.pem"))
    policy_host = issue("mta-sts.d.test", by=authority).write(tmp_path, "web.pem")
    with NameServer(ZONE) as names, serving(policy_host) as web:
        yield World(context, authority.write_ca(tmp_path), web, Resolver([names.address]), db)


def attempt(world: World, script: str, mode: str, mx: str = "mx.d.test") -> tuple[Any, list[tuple[str, str, int]]]:
    """The outcome of a message, and what is kept for the report."""
    world.web.body = POLICY.format(mode=mode, mx=mx).encode()
    with Peer(*([script] if script else []), context=world.context) as peer:
        sender = world.sender(peer.port)
        outcome = sender.send(outgoing("you@d.test"))[1]
        sender.close()
    results = sender.maker._results
    assert results is not None
    results.flush()
    kept = TlsResultStore(world.db).of(int(time.time() // DAY), "d.test")
    return outcome, [(one.way.policy_type, one.way.result_type, one.count) for one in kept]


def test_a_policy_in_force_is_obeyed(world: World) -> None:
    outcome, kept = attempt(world, ENCRYPTED, "enforce")
    assert "its certificate is valid for mx.d.test" in outcome.how
    assert kept == [("sts", "", 1)]


def test_a_server_that_the_policy_does_not_name_gets_nothing(world: World) -> None:
    outcome, kept = attempt(world, "", "enforce", "other.d.test")
    assert isinstance(outcome, TryLater)
    assert kept == [("sts", "validation-failure", 1)]


def test_a_policy_that_is_only_tested_is_reported_on(world: World) -> None:
    outcome, kept = attempt(world, CLEAR, "testing")
    assert isinstance(outcome, Delivered)
    assert kept == [("sts", "starttls-not-supported", 1)]


def test_a_report_names_both_sides_of_a_connection_that_failed(world: World) -> None:
    attempt(world, CLEAR, "testing")
    [failed] = TlsResultStore(world.db).of(int(time.time() // DAY), "d.test")
    way = failed.way
    assert (way.receiving_mx, way.receiving_ip, way.sending_mta_ip, way.helo) == ("mx.d.test", "127.0.0.1", "127.0.0.1", "mx.test")
    assert "does not offer STARTTLS" in failed.reason


def test_a_policy_of_none_is_none(world: World) -> None:
    outcome, _ = attempt(world, CLEAR, "none")
    assert isinstance(outcome, Delivered)
    assert outcome.how == "in the clear"
