"""Targets SMTP:… on the command line: checked before they are kept, never shown with their passwords."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from postroom.config.load import load
from postroom.credentials import Vault
from postroom.serving import prepare
from postroom.store.accounts import Accounts
from tests.cli.conftest import Command, opened

TARGET = "SMTP:bob@far.example@fred:geheim@192.168.1.1:587"
SHOWN = "SMTP:bob@far.example@fred:***@192.168.1.1:587"
KEEPING = [("alias", "add", "sales"), ("list", "add", "staff"), ("user", "set", "ann")]


@pytest.fixture
def lan(config: Path, postroom: Command) -> Command:
    """A server with LAN forwarding and an account."""
    config.write_text(config.read_text().replace("  local_delivery: {}", "  lan_forwarding: {}\n  local_delivery: {}"))
    postroom("user", "add", "ann")
    return postroom


def given(command: tuple[str, ...], target: str) -> tuple[str, ...]:
    return (*command, f"forward={target}" if command[0] == "user" else target)


@pytest.mark.parametrize("command", KEEPING)
def test_a_target_is_kept_and_not_shown(lan: Command, command: tuple[str, ...]) -> None:
    done = lan(*given(command, TARGET))
    assert (done.status, "geheim" in done.out) == (0, False)


@pytest.mark.parametrize("command", KEEPING)
def test_a_target_that_is_written_wrong_is_refused_without_showing_it(lan: Command, command: tuple[str, ...]) -> None:
    done = lan(*given(command, "SMTP:bob@far.example@fred:geheim@a:b:c"))
    assert done.status == 1
    assert done.err.startswith("postroom: a target SMTP:… cannot be used: a server is expected as [user:password@]host[:port]")
    assert "geheim" not in done.err


@pytest.mark.parametrize("command", KEEPING)
def test_without_lan_forwarding_a_target_is_refused_with_the_remedy(postroom: Command, command: tuple[str, ...]) -> None:
    postroom("user", "add", "ann")
    done = postroom(*given(command, TARGET))
    words = f"{SHOWN} needs LAN forwarding: add `lan_forwarding: {{}}` to the plugins, before local_delivery"
    assert (done.status, done.err) == (1, f"postroom: {words}\n")


def test_mappings_lists_and_accounts_are_shown_without_passwords(lan: Command, config: Path) -> None:
    for command in KEEPING:
        lan(*given(command, TARGET))
    shown = [lan("alias", "list"), lan("list", "list"), lan("list", "show", "staff"), lan("user", "show", "ann"), lan("user", "list")]
    shown += [lan("alias", "list", "--json"), lan("list", "show", "staff", "--json"), lan("user", "show", "ann", "--json")]
    assert not [done.out for done in shown if "geheim" in done.out or SHOWN not in done.out]


def kept(config: Path) -> str:
    """Everything that the tables have of targets."""
    database = opened(config)
    accounts = Accounts(database)
    found = f"{accounts.mappings()} {accounts.lists()} {accounts.list()}"
    database.close()
    return found


def test_the_password_is_not_readable_in_the_database(lan: Command, config: Path) -> None:
    for command in KEEPING:
        lan(*given(command, TARGET))
    assert kept(config).count("SMTP:bob@far.example@fred:{locked}") == 3
    assert "geheim" not in kept(config)


def test_a_target_is_not_added_twice(lan: Command) -> None:
    lan("alias", "add", "sales", TARGET)
    lan("alias", "add", "sales", TARGET)
    assert json.loads(lan("alias", "list", "--json").out)[0]["targets"] == [SHOWN]


@pytest.mark.parametrize("command", KEEPING)
def test_the_password_may_come_from_standard_input(lan: Command, config: Path, command: tuple[str, ...]) -> None:
    assert lan(*given(command, TARGET.replace("geheim", "-")), feed="ge@h:eim\n").status == 0
    (locked,) = set(re.findall(r"\{locked\}([A-Za-z0-9+/=]+)", kept(config)))
    assert Vault(config.parent / "data").unlock(locked) == "ge@h:eim"


@pytest.mark.parametrize("target", [TARGET, SHOWN])
def test_a_target_can_be_removed_with_its_password_or_without(lan: Command, config: Path, target: str) -> None:
    lan("alias", "add", "sales", TARGET, "ann")
    lan("list", "add", "staff", TARGET, "ann")
    assert (lan("alias", "remove", "sales", target).status, lan("list", "remove", "staff", target).status) == (0, 0)
    assert "SMTP" not in kept(config)


def test_a_target_can_be_removed_as_it_is_shown(lan: Command) -> None:
    lan("alias", "add", "sales", TARGET, "ann")
    lan("list", "add", "staff", TARGET, "ann")
    assert lan("alias", "remove", "sales", SHOWN).out == f"sales leads no more to {SHOWN}\n"
    assert lan("list", "remove", "staff", SHOWN).status == 0
    assert json.loads(lan("alias", "list", "--json").out)[0]["targets"] == ["ann"]
    assert lan("list", "show", "staff").out == "ann\n"


def test_mail_for_it_goes_to_the_server_of_the_target(lan: Command) -> None:
    lan("alias", "add", "sales", TARGET)
    done = lan("explain", "sales@example.test")
    assert "192.168.1.1" in done.out
    assert "geheim" not in done.out


def test_a_server_that_starts_locks_what_an_earlier_build_has_kept_readable(lan: Command, config: Path) -> None:
    database = opened(config)
    Accounts(database).add_mapping("sales", [TARGET])
    database.close()
    settings = load(config).config
    assert settings is not None
    assert prepare(settings, print) == 0
    assert "{locked}" in kept(config) and "geheim" not in kept(config)
    assert lan("alias", "list", "--json").out.count(SHOWN) == 1
