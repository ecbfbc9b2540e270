"""The section smtp_relay: one sender or several, and problems told with their place."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from postroom.clients.smtp.hop import Encryption
from postroom_smtp_relay.plugin import Settings
from postroom_smtp_relay.sender import next_hops
from postroom_smtp_relay.settings import split_server


def problems(**section: object) -> dict[str, str]:
    return {".".join(map(str, place)): words for place, words in Settings(**section).checks()}


def test_one_sender_is_the_section_itself() -> None:
    settings = Settings(name="ISP", servers=["smtp.isp.test:587"])
    assert settings.sender_names() == ["ISP"]
    assert not list(settings.checks())


def test_the_section_of_the_contract_is_taken() -> None:
    sender = {"name": "Relay", "servers": ["smtp.isp.test:587"], "encryption": "starttls-if-available", "username": None, "password": None}
    settings = Settings(senders=[sender])
    assert settings.sender_names() == ["Relay"]
    assert not list(settings.checks())
    assert not list(settings.senders[0].checks())


def test_there_must_be_a_server() -> None:
    assert "at least one server" in problems()["servers"]


def test_both_forms_at_once_are_a_problem() -> None:
    assert "belongs into the items of senders" in problems(servers=["a.test"], senders=[{"servers": ["b.test"]}])["servers"]


def test_names_of_senders_are_unique() -> None:
    assert "senders.1.name" in problems(senders=[{"servers": ["a.test"]}, {"servers": ["b.test"]}])


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"password": "x"}, "password"),
        ({"username": "me"}, "password"),
        ({"username": "me", "password": "x", "auth": "XOAUTH2"}, "auth"),
        ({"username": "me", "oauth": {"token_url": "https://id.test/t", "client_id": "c"}, "auth": "PLAIN"}, "auth"),
    ],
)
def test_a_login_must_be_complete(section: dict[str, object], place: str) -> None:
    assert place in problems(servers=["a.test"], **section)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp.isp.test", ("smtp.isp.test", None)),
        ("smtp.isp.test:587", ("smtp.isp.test", 587)),
        ("192.0.2.1:25", ("192.0.2.1", 25)),
        ("[2001:db8::1]:25", ("2001:db8::1", 25)),
        ("2001:db8::1", ("2001:db8::1", None)),
    ],
)
def test_servers_are_read(text: str, server: tuple[str, int | None]) -> None:
    assert split_server(text) == server


@pytest.mark.parametrize("text", ["", "a b", "a:0", "a:65536", "a:x", "a :25", "[zz]:25", "user@host:25:1"])
def test_other_words_are_no_servers(text: str) -> None:
    with pytest.raises(ValidationError, match="host, host:port"):
        Settings(servers=[text])


@pytest.mark.parametrize(
    ("encryption", "port", "meaning"),
    [("tls", 465, Encryption.TLS), ("starttls-required", 25, Encryption.STARTTLS), ("none", 25, Encryption.NONE)],
)
def test_the_port_follows_the_encryption(encryption: str, port: int, meaning: Encryption) -> None:
    hop = next_hops(Settings(servers=["a.test"], encryption=encryption), "mail.example.test")[0]
    assert (hop.port, hop.encryption, hop.helo) == (port, meaning, "mail.example.test")


def test_every_setting_reaches_the_next_hop(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    settings = Settings(
        servers=["a.test", "b.test:2525"], encryption="starttls", verify=False, ca=ca, username="me", password="secret", auth="LOGIN",
        allow_plaintext_auth=True, helo="me.test", timeouts={"greeting": "7s", "handshake": "9s"},
    )  # fmt: skip
    first, second = next_hops(settings, "mail.example.test")
    assert (first.host, first.verify, first.ca, first.helo, first.timeouts.greeting) == ("a.test", False, ca, "me.test", 7.0)
    assert first.timeouts.handshake == 9.0
    assert first.credentials is not None
    assert (first.credentials.password, first.credentials.mechanism, first.credentials.allow_plaintext) == ("secret", "LOGIN", True)
    assert (second.host, second.port, second.settings) == ("b.test", 2525, "the section of sender Relay")


def test_passwords_are_not_printed() -> None:
    settings = Settings(servers=["a.test"], username="me", password="secret")
    assert "secret" not in repr(settings)
    assert "secret" not in repr(next_hops(settings, "x"))
