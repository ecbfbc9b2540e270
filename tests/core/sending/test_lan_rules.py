"""LAN forwarding rules: which rule decides for an address, and how it is rewritten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.places import WrongText
from postroom.mail.local_domains import LocalDomains
from postroom.sending.lan_rules import Addresses, LanRule, LanRules, parse_rewriting, rewritten
from postroom.sending.servers import LoginServer
from tests.core.sending.refusing import refusal

LOCAL = LocalDomains("example.test", ["example.test", "*.local.test"])


def rule(addresses: str, host: str, rewrite: str = "") -> LanRule:
    return LanRule(Addresses.parse(addresses), LoginServer(host), rewrite, name=host)


def host(rules: LanRules, address: str, *, last_resort: bool = False) -> str | None:
    found = rules.first(address, last_resort=last_resort)
    return found.rule.server.host if found else None


def test_the_first_rule_that_matches_decides() -> None:
    rules = LanRules([rule("joe@branch.example\njim@branch.example", "one"), rule("j*@branch.example", "two")], LOCAL)
    assert host(rules, "Jim@Branch.Example") == "one"
    assert host(rules, "jane@branch.example") == "two"
    assert host(rules, "bob@branch.example") is None


def test_a_question_mark_is_one_character() -> None:
    rules = LanRules([rule("j?@branch.example", "one")], LOCAL)
    assert host(rules, "jo@branch.example") == "one"
    assert host(rules, "joe@branch.example") is None


def test_the_last_resort_counts_only_when_it_is_asked_for() -> None:
    rules = LanRules([rule("~@branch.example", "last"), rule("*@branch.example", "first")], LOCAL)
    assert host(rules, "joe@branch.example") == "first"
    assert host(rules, "joe@branch.example", last_resort=True) == "last"
    assert host(rules, "joe@other.example", last_resort=True) is None


def test_a_bare_user_part_matches_in_local_domains_where_that_is_on() -> None:
    rules = [rule("joe", "one")]
    assert host(LanRules(rules, LOCAL), "joe@example.test") is None
    assert host(LanRules(rules, LOCAL, bare=True), "joe@a.local.test") == "one"
    assert host(LanRules(rules, LOCAL, bare=True), "joe@elsewhere.example") is None


def test_an_address_without_a_domain_is_one_of_the_default_domain() -> None:
    found = LanRules([rule("joe@example.test", "one")], LOCAL).first("Joe")
    assert found is not None and found.address == "Joe@example.test"


def test_a_rule_rewrites_the_address() -> None:
    found = LanRules([rule("*@branch.example", "one", "*@inside.example")], LOCAL).first("Joe.X@branch.example")
    assert found is not None and (found.address, found.position) == ("Joe.X@inside.example", 0)
    assert found.reason == "LAN forwarding rule 1 (one), address *@branch.example: to one as Joe.X@inside.example"


@pytest.mark.parametrize(
    ("rewriting", "result"), [("", "joe@a.example"), ("*@b.example", "joe@b.example"), ("all@b.example", "all@b.example")]
)
def test_a_rewriting_keeps_the_user_part_or_replaces_it(rewriting: str, result: str) -> None:
    assert rewritten("joe@a.example", parse_rewriting(rewriting)) == result


@pytest.mark.parametrize("text", ["*", "*@", "x", "a b@c.example", "*@a b", "j*e"])
def test_what_is_no_rewriting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="keeps the user part"):
        parse_rewriting(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a@b.example\n  @b.example", 2, 3),
        *((text, 1, 1) for text in ("joe@", "a b", "~joe@b.example", "x" * 501, "~", "~@", "a@b@c.example", "a@size<3", "~@a!b")),
    ],
)
def test_a_wrong_address_is_told_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(WrongText) as caught:
        Addresses.parse(text)
    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(line, column)]


def test_bare_user_parts_can_be_listed() -> None:
    assert Addresses.parse("joe\n# x\njim@b.example\nann*").bare == ("joe", "ann*")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_addresses_or_wrong(text: str, address: str) -> None:
    wrong = refusal(lambda: LanRules([LanRule(Addresses.parse(text), LoginServer("h"))], LOCAL, bare=True).first(address), WrongText)
    assert wrong is None or wrong.faults
