"""``postroom user``, ``alias`` and ``list``, on both databases."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from postroom.credentials import password_matches
from postroom.store.accounts import Account, Accounts
from tests.cli.conftest import Command, opened

pytestmark = pytest.mark.usefixtures("database_url")


def stored(config: Path, name: str) -> Account:
    database = opened(config)
    account = Accounts(database).get(name)
    database.close()
    assert account is not None
    return account


# --- accounts


def test_an_account_can_be_made_before_the_first_start(postroom: Command, config: Path) -> None:
    assert postroom("user", "add", "Ann", "--password-stdin", "--admin", feed="geheim\n").out == "account ann made\n"
    account = stored(config, "ann")
    assert account.admin
    assert password_matches(account.password, "geheim")
    assert account.scram
    assert not account.reversible


def test_without_a_terminal_a_password_is_made_up_and_printed_once(postroom: Command, config: Path) -> None:
    password = postroom("user", "add", "ann").out.splitlines()[1].removeprefix("password: ")
    assert password_matches(stored(config, "ann").password, password)


def test_a_made_up_password_is_in_the_json_too(postroom: Command) -> None:
    made = json.loads(postroom("user", "add", "ann", "--json").out)
    assert made["name"] == "ann"
    assert len(made["password"]) >= 16


def test_a_reversible_password_is_kept_encrypted(postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann", "--password-stdin", "--reversible", feed="geheim\n")
    reversible = stored(config, "ann").reversible
    assert reversible
    assert "geheim" not in reversible


def test_an_account_cannot_be_made_twice(postroom: Command) -> None:
    postroom("user", "add", "ann")
    done = postroom("user", "add", "ANN")
    assert done.status == 1
    assert done.err == "postroom: there is an account named ANN already: `postroom user password ANN` gives it another password\n"


def test_an_empty_standard_input_is_no_password(postroom: Command) -> None:
    assert postroom("user", "add", "ann", "--password-stdin").status == 1


@pytest.mark.parametrize(
    ("feed", "words"),
    [("a\0b\n", "control character"), ("x" * 501 + "\n", "longer than 500 bytes"), ("\udcff\n", "standard input is not UTF-8 text")],
)
def test_a_password_that_no_client_could_send_is_refused(postroom: Command, feed: str, words: str) -> None:
    done = postroom("user", "add", "ann", "--password-stdin", feed=feed)
    assert done.status == 1
    assert words in done.err


def test_a_name_that_no_mailbox_can_have_is_refused(postroom: Command) -> None:
    done = postroom("user", "add", "ann@example.test")
    assert done.status == 1
    assert "cannot be a name" in done.err


def test_a_password_can_be_changed(postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann")
    assert postroom("user", "password", "ann", "--password-stdin", feed="neu\n").out == "account ann has another password\n"
    assert password_matches(stored(config, "ann").password, "neu")


def test_an_account_is_shown_with_when_it_was_made(postroom: Command) -> None:
    postroom("user", "add", "ann")
    assert re.search(r"^created: 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$", postroom("user", "show", "ann").out, re.MULTILINE)


def test_accounts_are_listed_without_their_secrets(postroom: Command) -> None:
    postroom("user", "add", "ann", "--reversible")
    assert postroom("user", "list").out.splitlines()[1].split() == ["ann", "no", "yes", "yes", "-", "-"]
    (account,) = json.loads(postroom("user", "list", "--json").out)
    assert account["reversible"] is True
    assert not {"password", "scram"} & set(account)


def test_fields_of_an_account_can_be_set(postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann")
    postroom("user", "set", "ann", "forward=bob, x@example.net", "use_forwarding=yes", "max_size=10MB")
    account = stored(config, "ann")
    assert account.forward == ("bob", "x@example.net")
    assert account.use_forwarding
    assert account.max_size == 10 << 20


def test_a_quota_is_set_in_sizes_and_numbers_and_shown(postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann")
    done = postroom("user", "set", "ann", "quota_storage=2GB", "quota_messages=5000")
    assert done.out.splitlines() == [f"quota_storage: {2 << 30}", "quota_messages: 5000"]
    assert (stored(config, "ann").quota_storage, stored(config, "ann").quota_messages) == (2 << 30, 5000)
    assert "quota_messages: 5000" in postroom("user", "show", "ann").out
    postroom("user", "set", "ann", "quota_storage=0", "quota_messages=0")
    assert (stored(config, "ann").quota_storage, stored(config, "ann").quota_messages) == (0, 0)


@pytest.mark.parametrize(
    "change", ["nonsense", "colour=red", "password=x", "id=7", "enabled=perhaps", "max_size=huge", "quota_messages=1KB", "quota_storage=-1"]
)
def test_a_field_that_cannot_be_set_is_refused(postroom: Command, change: str) -> None:
    postroom("user", "add", "ann")
    done = postroom("user", "set", "ann", change)
    assert done.status == 1
    assert done.err.startswith("postroom: ")
    assert "Traceback" not in done.err


def test_an_unknown_account_is_a_failure_with_the_name_that_was_perhaps_meant(postroom: Command) -> None:
    postroom("user", "add", "annabel")
    for arguments in (("show", "anabel"), ("remove", "anabel"), ("password", "anabel"), ("set", "anabel", "admin=yes")):
        assert postroom("user", *arguments).err == "postroom: there is no account anabel, did you mean annabel?\n"


def test_an_account_can_be_removed(postroom: Command) -> None:
    postroom("user", "add", "ann")
    assert postroom("user", "remove", "ann").status == 0
    assert postroom("user", "show", "ann").status == 1


# --- mappings and lists


def test_a_mapping_leads_to_several_targets(postroom: Command) -> None:
    postroom("alias", "add", "sales@example.test", "ann", "bob")
    assert json.loads(postroom("alias", "list", "--json").out) == [{"address": "sales@example.test", "targets": ["ann", "bob"]}]


def test_a_mapping_that_would_never_apply_is_refused(postroom: Command) -> None:
    done = postroom("alias", "add", "sales@elsewhere.test", "ann")
    assert done.err == (
        "postroom: sales@elsewhere.test would never apply: mail for it does not come here. domains.local has example.test\n"
    )
    assert postroom("alias", "list", "--json").out == "[]\n"


@pytest.mark.parametrize("address", ["sales", "Sales@Example.TEST", "*@elsewhere.test", "~@elsewhere.test"])
def test_names_patterns_and_local_addresses_can_be_mapped(postroom: Command, address: str) -> None:
    assert postroom("alias", "add", address, "ann").status == 0


def test_one_target_or_the_whole_mapping_can_be_removed(postroom: Command) -> None:
    postroom("alias", "add", "sales", "ann", "bob")
    assert postroom("alias", "remove", "sales", "ann").status == 0
    assert json.loads(postroom("alias", "list", "--json").out) == [{"address": "sales", "targets": ["bob"]}]
    assert postroom("alias", "remove", "sales").status == 0
    assert postroom("alias", "remove", "sales").err == "postroom: there is no mapping sales; see `postroom alias list`\n"


def test_members_can_be_added_to_a_list_and_taken_out(postroom: Command) -> None:
    postroom("list", "add", "team", "ann")
    postroom("list", "add", "team", "bob", "carl")
    postroom("list", "remove", "team", "bob")
    assert postroom("list", "show", "team").out == "ann\ncarl\n"


def test_a_list_can_be_removed(postroom: Command) -> None:
    postroom("list", "add", "team", "ann")
    assert postroom("list", "remove", "team").status == 0
    assert postroom("list", "list").out == "there are no lists; make one with `postroom list add`\n"
    assert postroom("list", "show", "team").status == 1


# --- names that lead nowhere


@pytest.mark.parametrize("command", [["alias", "add", "sales"], ["list", "add", "staff"]])
def test_a_target_that_nothing_is_named_is_taken_with_a_note(postroom: Command, command: list[str]) -> None:
    postroom("user", "add", "ann")
    done = postroom(
        *command, "ann", "ann+news", "Bbo@EXAMPLE.test", "postmaster", "bob@elsewhere.test", *(["*REMOTE"] * (command[0] == "alias"))
    )
    assert done.status == 0
    assert done.err == (
        "postroom: note: nothing is named bbo yet: mail for it is refused until there is a user, list or mapping of that name\n"
    )


def test_a_forward_to_a_name_that_is_none_is_taken_with_a_note(postroom: Command) -> None:
    postroom("user", "add", "ann")
    assert "nothing is named bbo yet" in postroom("user", "set", "ann", "forward=bbo").err
    assert postroom("user", "set", "ann", "forward=ann", "comment=x").err == ""


def test_what_still_leads_to_a_removed_account_is_told(postroom: Command) -> None:
    postroom("user", "add", "ann")
    postroom("user", "add", "boss", "--admin")
    postroom("alias", "add", "sales", "ann", "boss")
    postroom("list", "add", "staff", "ann@example.test")
    postroom("user", "set", "boss", "assistants=ann")
    assert postroom("user", "remove", "ann").err == "postroom: note: ann is still a target of mapping sales, list staff, account boss\n"


def test_the_removal_of_the_last_administrator_is_told(postroom: Command) -> None:
    postroom("user", "add", "boss", "--admin")
    assert "there is no administrator any more" in postroom("user", "remove", "boss").err


@pytest.mark.parametrize("target", ["bad target", "x@", "@x.test", "a@@b.test", "x;y"])
def test_a_target_that_is_no_address_is_refused(postroom: Command, target: str) -> None:
    for command in (["alias", "add", "sales"], ["list", "add", "staff"]):
        assert "is neither a name nor an address" in postroom(*command, target).err
    postroom("user", "add", "ann")
    assert "is neither a name nor an address" in postroom("user", "set", "ann", f"forward={target}").err


@pytest.mark.parametrize("address", ["a b", "a@@example.test", "@example.test"])
def test_a_mapping_of_what_is_no_address_is_refused(postroom: Command, address: str) -> None:
    assert postroom("alias", "add", address, "ann").status == 1


@pytest.mark.parametrize(
    "address", ["sales", "sales@example.test", "s*", "*@example.test", "?@*.test", "~@example.test", "~", '"a b"@example.test']
)
def test_every_form_of_a_mapping_is_taken(postroom: Command, address: str) -> None:
    assert postroom("alias", "add", address, "ann").status == 0
