"""Targets SMTP:… on the command line: checked before they are kept, never shown with their passwords."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
    database = opened(config)
    assert Accounts(database).mappings() == [("sales", (TARGET,))]
    database.close()


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
