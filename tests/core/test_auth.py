"""Logging in: names, passwords, mechanisms on offer, hooks, throttling, busy and broken servers."""

from __future__ import annotations

import hashlib
import hmac
import threading
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom import hookimpl
from postroom.asking import Asker
from postroom.auth import Authenticator
from postroom.credentials import Vault, make_credentials
from postroom.hookspecs import new_manager
from postroom.login import Login
from postroom.mail.client import Client, TlsDetails
from postroom.mail.verdict import Verdict
from postroom.passwords import WAITING
from postroom.store.accounts import Account
from postroom.store.database import StoreUnavailable
from postroom.wire import sasl_client
from postroom.wire.sasl import Challenge, Denied, Done

BINDING = ("tls-server-end-point", b"hash of the certificate")
PASSWORD = "correct horse"


@dataclass
class Service:
    auth: str = "optional"
    allow_plaintext_auth: bool = True


@dataclass
class Accounts:
    """The accounts in memory; ``down`` makes the database fail."""

    found: dict[str, Account]
    down: bool = False
    lookups: int = 0

    def get(self, name: str) -> Account | None:
        if self.down:
            raise StoreUnavailable("gone")
        return self.found.get(name)

    def any_reversible(self) -> bool:
        self.lookups += 1
        if self.down:
            raise StoreUnavailable("gone")
        return any(account.reversible for account in self.found.values())


@dataclass
class News:
    """Hands everything to all who subscribed, as workers on one machine do."""

    subscribers: list[tuple[str, Callable[[dict[str, Any]], None]]] = field(default_factory=list)

    def subscribe(self, topic: str, function: Callable[[dict[str, Any]], None]) -> None:
        self.subscribers.append((topic, function))

    def publish(self, topic: str, **facts: Any) -> None:
        for wanted, function in self.subscribers:
            if wanted == topic:
                function({"topic": topic, **facts})


class Watcher:
    """A plugin that notes what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    @hookimpl
    def login_finished(self, client: Client, name: str, mechanism: str, success: bool) -> None:
        self.events.append(("login", name, mechanism, success))

    @hookimpl
    def client_misbehaved(self, client: Client, event: str, detail: str) -> None:
        self.events.append((event, detail))


@dataclass
class World:
    """One worker's authenticator with everything around it faked."""

    vault: Vault
    accounts: Accounts
    news: News = field(default_factory=News)
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    worked: list[Callable[..., Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plugins = new_manager()
        self.watcher = Watcher()
        self.plugins.register(self.watcher)
        self.auth = self.another_worker()

    def another_worker(self) -> Authenticator:
        return Authenticator(
            self.accounts,
            Asker(self.plugins.hook, self.clock, lambda *fault: None),
            offload=self.offload,
            domains=["example.test", "*.example.org", "boss@example.net"],
            vault=self.vault,
            hostname="mail.example.test",
            clock=self.clock,
            sleep=self.slept.append,
            news=self.news,  # type: ignore[arg-type]
        )

    def clock(self) -> float:
        return self.now

    def offload(self, work: Callable[..., Any], *arguments: Any) -> Any:
        self.worked.append(work)
        return work(*arguments)

    def exchange(self, mechanism: str, **login: Any) -> Challenge | Done | Denied:
        """A whole exchange with our own client."""
        names = {"username": "fred", "password": PASSWORD, **login}
        bindings = dict([BINDING]) if "binding" in login else {}
        server = self.auth.start(mechanism, CLIENT(), Service(), bindings)
        assert isinstance(server, Login)
        known = sasl_client.candidates([mechanism], sasl_client.Login(**names), encrypted=True)[mechanism]()
        outcome = server.step(known.initial())
        while isinstance(outcome, Challenge):
            outcome = server.step(known.step(outcome.data))
        return outcome


def CLIENT(address: str = "192.0.2.1", **more: Any) -> Client:
    return Client("s1", "SMTP", address, **more)


TLS = TlsDetails("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def stored(vault: Vault) -> dict[str, Account]:
    open_book = make_credentials(PASSWORD, vault)
    closed = make_credentials(PASSWORD)
    return {
        "fred": Account(1, "fred", **closed),
        "tim": Account(2, "tim", **open_book),
        "off": Account(3, "off", enabled=False, **open_book),
        "empty": Account(4, "empty"),
        "popper": Account(5, "popper", protocols=("pop3",), **open_book),
    }


@pytest.fixture
def world(vault: Vault, stored: dict[str, Account]) -> World:
    return World(vault, Accounts(dict(stored)))


# --- names


@pytest.mark.parametrize("name", ["fred", "Fred", "FRED@Example.Test", "fred@mail.example.org"])
def test_a_user_logs_in_by_name_or_address_at_a_local_domain(world: World, name: str) -> None:
    account = world.auth.password(CLIENT(), name, PASSWORD)
    assert isinstance(account, Account)
    assert account.name == "fred"


@pytest.mark.parametrize("name", ["fred@example.com", "fred@example.org", "fred@", "@example.test", "", "fr\0ed", "fred@example.test@x"])
def test_other_names_are_nobody(world: World, name: str) -> None:
    assert isinstance(world.auth.password(CLIENT(), name, PASSWORD), Denied)


def test_a_single_address_may_be_local(world: World, stored: dict[str, Account]) -> None:
    world.accounts.found["boss"] = stored["fred"]
    assert world.auth.password(CLIENT(), "boss@example.net", PASSWORD)
    assert not world.auth.password(CLIENT(), "fred@example.net", PASSWORD)


def test_a_plugin_may_translate_the_name(world: World) -> None:
    class Translator:
        @hookimpl
        def translate_username(self, name: str) -> str | None:
            return "fred" if name == "EXAMPLE\\fred" else None

    world.plugins.register(Translator())
    assert world.auth.password(CLIENT(), "EXAMPLE\\fred", PASSWORD)


# --- passwords


def test_success_names_the_user_of_the_connection(world: World) -> None:
    client = CLIENT()
    assert world.auth.password(client, "fred", PASSWORD)
    assert client.user == "fred"


@pytest.mark.parametrize(
    ("name", "password"), [("fred", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD), ("empty", ""), ("popper", PASSWORD)]
)
def test_a_failed_login_says_nothing_about_why(world: World, name: str, password: str) -> None:
    client = CLIENT()
    outcome = world.auth.password(client, name, password)
    assert isinstance(outcome, Denied)
    assert str(outcome.reply) == "535 5.7.8 Authentication credentials invalid"
    assert client.user is None


@pytest.mark.parametrize("name", ["fred", "nobody", "off", "empty", "nobody@example.com"])
def test_a_failed_login_costs_one_hash_whoever_it_is(world: World, name: str) -> None:
    world.auth.password(CLIENT(), name, "wrong")
    assert len(world.worked) == 1


def test_an_access_rule_may_name_the_users_who_log_in_from_there(world: World) -> None:
    assert world.auth.password(CLIENT(only_users=("Fred",)), "fred", PASSWORD)
    assert not world.auth.password(CLIENT(only_users=("tim",)), "fred", PASSWORD)


def test_an_account_may_be_limited_to_protocols(world: World) -> None:
    assert world.auth.password(Client("s1", "POP3", "192.0.2.1"), "popper", PASSWORD)


def test_polling_clients_cost_one_hash_a_minute(world: World) -> None:
    for _ in range(10):
        assert world.auth.password(CLIENT(), "fred", PASSWORD)
        world.now += 5
    assert len(world.worked) == 1
    world.now += 60
    assert world.auth.password(CLIENT(), "fred", PASSWORD)
    assert len(world.worked) == 2


def test_a_changed_password_ends_the_old_one_at_once(world: World) -> None:
    assert world.auth.password(CLIENT(), "fred", PASSWORD)
    world.accounts.found["fred"] = Account(1, "fred", **make_credentials("new one"))
    assert not world.auth.password(CLIENT(), "fred", PASSWORD)
    assert world.auth.password(CLIENT(), "fred", "new one")


def test_a_disabled_account_is_out_at_once(world: World) -> None:
    assert world.auth.password(CLIENT(), "fred", PASSWORD)
    world.accounts.found["fred"] = Account(1, "fred", world.accounts.found["fred"].password, enabled=False)
    assert not world.auth.password(CLIENT(), "fred", PASSWORD)


def test_a_wrong_password_is_not_remembered_as_right(world: World) -> None:
    for _ in range(3):
        assert not world.auth.password(CLIENT(), "fred", "wrong")


def test_equivalent_spellings_of_a_password_are_accepted(world: World) -> None:
    world.accounts.found["fred"] = Account(1, "fred", **make_credentials("pa\u00aa"))
    assert world.auth.password(CLIENT(), "fred", "paa")


def test_hash_makes_what_the_store_keeps(world: World) -> None:
    made = world.auth.hash("new one", reversible=True)
    world.accounts.found["karen"] = Account(9, "karen", **made)
    assert world.auth.password(CLIENT(), "karen", "new one")
    assert made["reversible"]
    assert not world.auth.hash("new one")["reversible"]


# --- mechanisms


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_every_account_can_use(world: World, mechanism: str) -> None:
    assert world.exchange(mechanism) == Done("fred")
    assert isinstance(world.exchange(mechanism, password="wrong"), Denied)
    assert isinstance(world.exchange(mechanism, username="nobody"), Denied)
    assert isinstance(world.exchange(mechanism, username="off"), Denied)


def test_scram_plus_binds_to_the_connection(world: World) -> None:
    assert world.exchange("SCRAM-SHA-256-PLUS", binding=BINDING) == Done("fred")
    assert isinstance(world.exchange("SCRAM-SHA-256-PLUS", binding=(BINDING[0], b"another certificate")), Denied)


def test_cram_md5_works_only_with_a_reversible_secret(world: World) -> None:
    assert world.exchange("CRAM-MD5", username="tim") == Done("tim")
    assert isinstance(world.exchange("CRAM-MD5", username="fred"), Denied)
    assert isinstance(world.exchange("CRAM-MD5", username="off"), Denied)


def test_two_sessions_that_ask_at_once_for_the_first_time_are_offered_the_same(world: World) -> None:
    look = world.accounts.any_reversible

    def slow_look() -> bool:
        gevent.sleep(0.01)  # as a query gives way
        return look()

    world.accounts.any_reversible = slow_look  # type: ignore[method-assign]
    first, second = gevent.spawn(world.auth.reversible_in_use), gevent.spawn(world.auth.reversible_in_use)
    assert (first.get(), second.get()) == (True, True)


def test_apop_works_only_with_a_reversible_secret(world: World) -> None:
    timestamp = world.auth.challenge()
    digest = hashlib.md5((timestamp + PASSWORD).encode()).hexdigest()
    assert world.auth.apop(CLIENT(), "tim", timestamp, digest)
    assert world.auth.apop(CLIENT(), "tim", timestamp, digest.upper())
    assert not world.auth.apop(CLIENT(), "fred", timestamp, digest)
    assert not world.auth.apop(CLIENT(), "tim", world.auth.challenge(), digest)
    assert not world.auth.apop(CLIENT(), "tim", timestamp, "ä" * 32)


def test_apop_computes_the_digest_of_rfc_1939(world: World, vault: Vault) -> None:
    world.accounts.found["mrose"] = Account(9, "mrose", **make_credentials("tanstaaf", vault))
    assert world.auth.apop(CLIENT(), "mrose", "<1896.697170952@dbc.mtview.ca.us>", "c4c9334bac560ecc979e58001b3e22fb")


def test_challenges_are_unique_message_ids(world: World) -> None:
    assert world.auth.challenge() != world.auth.challenge()
    assert world.auth.challenge().startswith("<")
    assert world.auth.challenge().endswith("@mail.example.test>")


def test_the_account_is_known_after_the_exchange(world: World) -> None:
    login = world.auth.start("plain", CLIENT(), Service())
    assert isinstance(login, Login)
    login.step(f"\0fred\0{PASSWORD}".encode())
    assert login.account is world.accounts.found["fred"]


def test_a_lost_key_file_fails_only_those_who_need_it(world: World, tmp_path: Path) -> None:
    world.auth._vault = Vault(tmp_path)
    assert isinstance(world.exchange("CRAM-MD5", username="tim"), Denied)
    assert world.exchange("PLAIN", username="tim") == Done("tim")


def scram_challenge(auth: Authenticator, name: str) -> dict[str, str]:
    login = auth.start("SCRAM-SHA-256", CLIENT(), Service())
    assert isinstance(login, Login)
    answer = login.step(f"n,,n={name},r=abc".encode())
    assert isinstance(answer, Challenge)
    return dict(part.split("=", 1) for part in answer.data.decode().split(","))


def test_an_unknown_name_has_a_salt_that_stays_the_same_in_all_workers(world: World) -> None:
    first, again, elsewhere = (scram_challenge(auth, "nobody") for auth in (world.auth, world.auth, world.another_worker()))
    assert first["s"] == again["s"] == elsewhere["s"] != scram_challenge(world.auth, "somebody")["s"]


def test_an_unknown_name_looks_like_a_known_one(world: World) -> None:
    unknown, known = scram_challenge(world.auth, "nobody"), scram_challenge(world.auth, "fred")
    assert unknown["i"] == known["i"]
    assert len(b64decode(unknown["s"])) == len(b64decode(known["s"]))


# --- what is offered


@pytest.mark.parametrize(
    ("client", "service", "plain"),
    [
        (CLIENT(), Service(allow_plaintext_auth=False), False),
        (CLIENT(), Service(allow_plaintext_auth=True), True),
        (CLIENT(tls=TLS), Service(allow_plaintext_auth=False), True),
        (CLIENT("127.0.0.1"), Service(allow_plaintext_auth=False), True),
        (CLIENT("::1"), Service(allow_plaintext_auth=False), True),
        (CLIENT("unix"), Service(allow_plaintext_auth=False), True),
    ],
)
def test_passwords_in_clear_need_tls_or_loopback_or_permission(world: World, client: Client, service: Service, plain: bool) -> None:
    assert world.auth.plain_allowed(client, service) is plain
    offered = world.auth.mechanisms(client, service)
    assert ("PLAIN" in offered, "LOGIN" in offered) == (plain, plain)
    assert {"SCRAM-SHA-256", "CRAM-MD5"} <= set(offered)


def test_plus_is_offered_with_a_channel_binding(world: World) -> None:
    assert world.auth.mechanisms(CLIENT(tls=TLS), Service(), dict([BINDING]))[0] == "SCRAM-SHA-256-PLUS"
    assert "SCRAM-SHA-256-PLUS" not in world.auth.mechanisms(CLIENT(tls=TLS), Service(), {})


def test_a_service_without_logins_offers_none(world: World) -> None:
    assert world.auth.mechanisms(CLIENT(tls=TLS), Service(auth="off"), dict([BINDING])) == []
    assert isinstance(world.auth.start("PLAIN", CLIENT(), Service(auth="off")), Denied)


def test_cram_md5_is_offered_only_when_somebody_can_use_it(world: World) -> None:
    del world.accounts.found["tim"], world.accounts.found["off"], world.accounts.found["popper"]
    assert "CRAM-MD5" not in world.auth.mechanisms(CLIENT(), Service())


def test_the_look_up_for_cram_md5_is_kept_until_accounts_change(world: World) -> None:
    for _ in range(10):
        world.auth.mechanisms(CLIENT(), Service())
    assert world.accounts.lookups == 1
    world.news.publish("accounts")
    world.auth.mechanisms(CLIENT(), Service())
    assert world.accounts.lookups == 2


def test_a_database_outage_does_not_break_the_greeting(world: World) -> None:
    assert "CRAM-MD5" in world.auth.mechanisms(CLIENT(), Service())
    world.accounts.down = True
    world.now += 1000
    assert "CRAM-MD5" in world.auth.mechanisms(CLIENT(), Service())


@pytest.mark.parametrize(("mechanism", "code"), [("PLAIN", 538), ("login", 538), ("GSSAPI", 504), ("", 504), ("SCRAM-SHA-256-PLUS", 504)])
def test_a_mechanism_that_is_not_offered_is_refused(world: World, mechanism: str, code: int) -> None:
    outcome = world.auth.start(mechanism, CLIENT(), Service(allow_plaintext_auth=False))
    assert isinstance(outcome, Denied)
    assert outcome.reply.code == code


# --- hooks


def test_plugins_hear_of_success_and_failure(world: World) -> None:
    world.auth.password(CLIENT(), "Fred@example.test", PASSWORD)
    world.exchange("PLAIN", password="wrong")
    assert world.watcher.events == [
        ("login", "fred", "USER", True),
        ("login", "fred", "PLAIN", False),
        ("auth-failure", "PLAIN login as fred"),
    ]


def test_control_characters_of_strangers_reach_neither_log_nor_plugin(world: World) -> None:
    world.auth.password(CLIENT(), "\x1b[2Jfred\r\n", "x")
    assert world.watcher.events[0] == ("login", "?[2jfred??", "USER", False)


def test_a_plugin_may_refuse_a_login_before_the_password_is_looked_at(world: World) -> None:
    class Bouncer:
        @hookimpl
        def client_login(self, client: Client, name: str, mechanism: str) -> Verdict:
            return Verdict.reject("Not today", 535, "5.7.1", disconnect=True)

    world.plugins.register(Bouncer())
    outcome = world.exchange("PLAIN")
    assert isinstance(outcome, Denied)
    assert (str(outcome.reply), outcome.disconnect) == ("535 5.7.1 Not today", True)
    assert world.worked == []
    assert world.watcher.events == [("login", "fred", "PLAIN", False)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5"])
def test_a_faulty_plugin_makes_a_login_fail_for_now(world: World, mechanism: str) -> None:
    class Faulty:
        @hookimpl
        def client_login(self, client: Client) -> Verdict:
            raise RuntimeError("bug")

    world.plugins.register(Faulty())
    outcome = world.exchange(mechanism)
    assert isinstance(outcome, Denied)
    assert outcome.temporary


# --- throttling and load


def test_guessing_gets_slower(world: World) -> None:
    for _ in range(7):
        world.auth.password(CLIENT(), "fred", "wrong")
    assert world.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5"])
def test_too_many_guesses_are_refused_temporarily_without_work(world: World, mechanism: str) -> None:
    for _ in range(12):
        world.auth.password(CLIENT(), "fred", "wrong")
    hashed = len(world.worked)
    outcome = world.exchange(mechanism)
    assert isinstance(outcome, Denied)
    assert outcome.temporary
    assert len(world.worked) == hashed


def test_other_workers_hear_of_failures(world: World) -> None:
    other = world.another_worker()
    for _ in range(7):
        world.auth.password(CLIENT(), "fred", "wrong")
    world.slept.clear()
    world.now += 20
    other.password(CLIENT(), "fred", "wrong")
    assert world.slept == []  # long enough ago for both
    other.password(CLIENT(), "fred", "wrong")
    assert world.slept == [8.0]  # the eight failures of all workers count


def test_a_user_who_is_guessed_at_gets_in_at_every_worker_from_where_he_usually_is(world: World) -> None:
    other = world.another_worker()
    assert world.auth.password(CLIENT("198.51.100.1"), "fred", PASSWORD)
    for _ in range(20):
        world.auth.password(CLIENT(), "fred", "wrong")
    world.slept.clear()
    assert other.password(CLIENT("198.51.100.1"), "fred", PASSWORD)
    assert world.slept == []
    assert not other.password(CLIENT("198.51.100.2"), "fred", "wrong")
    assert world.slept == [8.0]


def test_a_flood_of_logins_is_answered_temporarily_not_queued_without_end(world: World) -> None:
    gate, started = threading.Event(), threading.Semaphore(0)

    def slow(work: Callable[..., Any], *arguments: Any) -> bool:
        started.release()
        gate.wait(20)
        return False

    world.auth._passwords._offload = slow
    threads = [threading.Thread(target=world.auth.password, args=(CLIENT(), f"user{n}", "x")) for n in range(WAITING)]
    for thread in threads:
        thread.start()
    try:
        assert started.acquire(timeout=10)
        while world.auth._passwords._waiting < WAITING:
            assert started.acquire(timeout=0.01) or True
        outcome = world.auth.password(CLIENT(), "one too many", "x")
    finally:
        gate.set()
        for thread in threads:
            thread.join(20)
    assert isinstance(outcome, Denied)
    assert str(outcome.reply) == "454 4.7.0 Temporary authentication failure"


# --- faults


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"])
def test_a_database_outage_is_not_a_wrong_password(world: World, mechanism: str) -> None:
    world.auth.mechanisms(CLIENT(), Service())
    world.accounts.down = True
    with pytest.raises(StoreUnavailable):
        world.exchange(mechanism)
    assert world.watcher.events == []


def test_an_outage_during_apop_is_not_a_wrong_digest(world: World) -> None:
    world.accounts.down = True
    with pytest.raises(StoreUnavailable):
        world.auth.apop(CLIENT(), "tim", "<x@y>", hmac.new(b"", b"", "md5").hexdigest())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    mechanism=st.sampled_from(["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "CRAM-MD5"]),
    answers=st.lists(
        st.none() | st.binary(max_size=60) | st.sampled_from([b"\0\xc3\xa4\0x", b"n,,n=fred,r=a", b"tim " + b"0" * 32]), max_size=4
    ),
)
def test_no_stranger_gets_in_or_breaks_a_login(world: World, mechanism: str, answers: list[bytes | None]) -> None:
    login = world.auth.start(mechanism, CLIENT(), Service(), dict([BINDING]))
    assert isinstance(login, Login)
    for answer in answers:
        assert not isinstance(login.step(answer), Done)
    assert login.account is None


@given(name=st.text(max_size=40), password=st.text(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_any_text_may_be_tried_as_name_and_password(world: World, name: str, password: str) -> None:
    assert not world.auth.password(CLIENT(), name, password)
