"""Targets that name an address and its server: SMTP:address@[user:password@]server[:port]."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.places import WrongText
from postroom.credentials import Vault
from postroom.sending.servers import LoginServer, parse_login_server
from postroom.sending.targets import SmtpTarget, is_target, parse_target, shown
from postroom.sending.via import Locker
from tests.core.sending.refusing import refusal

TARGET = "SMTP:bob@example.com@fred:my@pass@mail.lan:587"


@pytest.mark.parametrize(
    ("text", "address", "server"),
    [
        ("SMTP:bob@example.com@192.168.1.1", "bob@example.com", LoginServer("192.168.1.1")),
        ("smtp:bob@example.com@fred:mypass@192.168.1.1:587", "bob@example.com", LoginServer("192.168.1.1", 587, "fred", "mypass")),
        (" SMTP:bob@EXAMPLE.com@Mail.Example. ", "bob@example.com", LoginServer("mail.example")),
        ("SMTP:bob@example.com@[2001:db8::1]:25", "bob@example.com", LoginServer("2001:db8::1", 25)),
        (
            "SMTP:b@x.example@fred@isp.example:p@ss:word@h.example",
            "b@x.example",
            LoginServer("h.example", None, "fred@isp.example", "p@ss:word"),
        ),
        ('SMTP:"b@b"@example.com@h.example', '"b@b"@example.com', LoginServer("h.example")),
    ],
)
def test_a_target_is_read(text: str, address: str, server: LoginServer) -> None:
    assert parse_target(text) == SmtpTarget(address, server)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("bob@example.com", 1),
        ("SMTP:", 6),
        ("SMTP:bob@example.com", 21),
        ("SMTP:bob@exa mple.com@h.example", 6),
        ("SMTP:bob@example.com@fred@h.example", 22),
        ("SMTP:bob@example.com@h.example:0", 22),
        ("SMTP:bob@example.com@2001:db8::1", 22),
        ("SMTP:bob@example.com@", 22),
        ("SMTP:" + "x" * 1000, 1),
    ],
)
def test_a_wrong_target_is_told_with_its_place(text: str, column: int) -> None:
    with pytest.raises(WrongText) as caught:
        parse_target(text)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_what_begins_with_smtp_is_a_target() -> None:
    assert is_target(" smtp:x")
    assert not is_target("bob@smtp:x")


def test_for_people_the_password_is_hidden() -> None:
    found = parse_target("SMTP:bob@example.com@fred:mypass@192.168.1.1:587")
    assert found.masked == str(found) == "SMTP:bob@example.com@fred:***@192.168.1.1:587"
    assert "mypass" not in repr(found)


def test_the_whole_text_and_the_server_of_a_target_can_be_read_again() -> None:
    found = parse_target("SMTP:bob@example.com@fred:my@pass@[2001:db8::1]:587")
    assert parse_target(found.text) == found
    assert parse_login_server(found.via) == found.server


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["SMTP:", "a", "@", ":", ".example", '"', "[", "]", "::1", "25"]), max_size=14).map("".join),
    )
)
def test_any_text_is_a_target_that_can_be_read_again_or_wrong(text: str) -> None:
    wrong = refusal(lambda: parse_target(text), WrongText)
    assert 1 <= wrong.column <= len(text) + 1 if wrong else parse_target(parse_target(text).text) == parse_target(text)


def test_what_the_store_keeps_has_a_locked_password_that_is_locked_once(tmp_path: Path) -> None:
    locker = Locker(Vault(tmp_path))
    kept = locker.keep(TARGET)
    assert "my@pass" not in kept
    assert (locker.keep(kept), locker.keep(TARGET)) == (kept, kept)
    assert shown(kept) == shown(TARGET) == "SMTP:bob@example.com@fred:***@mail.lan:587"


def test_for_the_queue_a_locked_password_is_the_same_as_a_readable_one(tmp_path: Path) -> None:
    locker = Locker(Vault(tmp_path))
    via = locker.lock(parse_target(locker.keep(TARGET)).server)
    assert via == locker.lock(parse_target(TARGET).server)
    assert Locker(Vault(tmp_path)).unlock(via).server.password == "my@pass"


@pytest.mark.parametrize("target", ["ann", "bob@example.com", "SMTP:bob@example.com@mail.lan", "SMTP:wrong", "*REMOTE"])
def test_what_has_no_password_is_kept_as_it_is(tmp_path: Path, target: str) -> None:
    assert Locker(Vault(tmp_path)).keep(target) == target
    assert list(tmp_path.iterdir()) == []


def test_a_password_that_only_looks_locked_is_locked(tmp_path: Path) -> None:
    assert Locker(Vault(tmp_path)).keep("SMTP:b@x.test@fred:{locked}secret@h.test").count("{locked}") == 1
    assert "secret" not in Locker(Vault(tmp_path)).keep("SMTP:b@x.test@fred:{locked}secret@h.test")
