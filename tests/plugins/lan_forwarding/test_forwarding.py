"""LAN forwarding decides: rules in their order, conditions, the last resort, hooks, and what nobody must see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.asking import Asker
from postroom.credentials import Vault
from postroom.hookspecs import hookimpl, new_manager
from postroom.mail.client import Client
from postroom.mail.delivery import Route, ToQueue
from postroom.mail.envelope import Envelope
from postroom.mail.local_domains import LocalDomains
from postroom.mail.sending import LanForwarding
from postroom.sending.lan_rules import LanRule, LanRules
from postroom.sending.via import Locker, Via, shown
from postroom_lan_forwarding.forwarding import Forwarding
from postroom_lan_forwarding.settings import Settings

STRANGER = Envelope("x@far.example", client=Client("s", "SMTP", "203.0.113.5"))
OURS = Envelope("ann@example.test", user="ann", local_origin=True, client=Client("s", "SMTP", "127.0.0.1"))
MADE_HERE = Envelope("", local_origin=True)
LOCAL = LocalDomains("example.test", ["example.test"])


class OpenVault:
    """Turns secrets round."""

    def lock_alike(self, secret: str, place: str) -> str:
        return secret[::-1]

    def unlock(self, text: str) -> str:
        return text[::-1]


def forwarding(*rules: dict[str, Any], plugin: object = None, bare: bool = False) -> Forwarding:
    settings = Settings(rules=[{"server": "10.0.0.1"} | rule for rule in rules], bare_names=bare)
    manager = new_manager()
    if plugin is not None:
        manager.register(plugin)
    ask = Asker(manager.hook, lambda: 0.0, lambda *_: None)
    return Forwarding(LanRules([rule.rule() for rule in settings.rules], LOCAL, bare=bare), ask, Locker(OpenVault()))


def target(route: Route | None) -> tuple[str, str, str]:
    assert route is not None
    (found,) = route.targets
    assert isinstance(found, ToQueue)
    return found.address, found.channel, found.via


def test_the_first_rule_that_matches_decides() -> None:
    rules = forwarding({"addresses": "joe@far.example"}, {"addresses": ["*@far.example"], "server": "10.0.0.2:2525"})
    assert target(rules.specific("joe@far.example", STRANGER)) == ("joe@far.example", "LAN", "10.0.0.1")
    assert target(rules.specific("ann@far.example", STRANGER)) == ("ann@far.example", "LAN", "10.0.0.2:2525")
    assert rules.specific("joe@elsewhere.example", STRANGER) is None


def test_the_reasons_name_the_rule_and_hide_the_password() -> None:
    rules = forwarding({"addresses": "*@a.example", "name": "Exchange", "username": "fred", "password": "geheim", "rewrite": "*@b.example"})
    route = rules.specific("joe@a.example", STRANGER)
    assert route is not None
    assert route.reasons == ("LAN forwarding rule 1 (Exchange), address *@a.example: to fred:***@10.0.0.1 as joe@b.example",)
    assert "geheim" not in repr(route)
    assert target(route) == ("joe@b.example", "LAN", "fred:mieheg@10.0.0.1")


@pytest.mark.parametrize(
    ("condition", "taken"),
    [("all", (True, True, True)), ("smtp", (True, True, False)), ("local", (False, True, True))],
)
def test_a_condition_chooses_the_mail(condition: str, taken: tuple[bool, ...]) -> None:
    rules = forwarding({"addresses": "*@a.example", "condition": condition})
    assert tuple(rules.specific("x@a.example", one) is not None for one in (STRANGER, OURS, MADE_HERE)) == taken


def test_a_rule_for_a_domain_takes_its_mail_from_everybody() -> None:
    route = forwarding({"addresses": "*@far.example"}).specific("x@far.example", STRANGER)
    assert route is not None
    assert route.local


def test_a_rule_for_all_the_world_makes_no_open_relay() -> None:
    rules = forwarding({"addresses": "*@*"})
    route, ours = rules.specific("x@far.example", STRANGER), rules.specific("x@example.test", STRANGER)
    assert route is not None and not route.local
    assert ours is not None and ours.local


def test_the_last_resort_is_not_asked_first() -> None:
    rules = forwarding({"addresses": "~@example.test"})
    assert rules.specific("x@example.test", STRANGER) is None
    assert target(rules.last_resort("x@example.test", STRANGER))[1] == "LAN"


def test_a_last_resort_without_a_domain_is_for_local_domains() -> None:
    rules = forwarding({"addresses": "~@*"})
    assert rules.last_resort("x@example.test", OURS) is not None
    assert rules.last_resort("x@gmail.example", OURS) is None


def test_bare_names_hold_in_all_local_domains() -> None:
    rules = forwarding({"addresses": "joe"}, bare=True)
    assert rules.specific("JOE@example.test", STRANGER) is not None
    assert rules.specific("joe@far.example", STRANGER) is None


class Script:
    """What LanForwarding.lua may do."""

    def __init__(self) -> None:
        self.told: list[LanForwarding] = []

    @hookimpl
    def lan_rules(self, rules: Sequence[LanRule], address: str) -> Sequence[LanRule] | None:
        return [replace(rule, comment="by script", extra=address) for rule in rules]

    @hookimpl
    def lan_return_path(self, path: str, forwarding: LanForwarding) -> str:
        self.told.append(forwarding)
        return f"bounce+{path}"


def test_plugins_change_the_rules_for_one_recipient_and_the_return_path() -> None:
    script = Script()
    rules = forwarding({"addresses": "*@far.example", "username": "fred", "password": "geheim"}, plugin=script)
    via = Via.parse(target(rules.specific("joe@far.example", STRANGER))[2])
    assert via.return_path == "bounce+x@far.example"
    assert script.told == [LanForwarding("joe@far.example", "fred:***@10.0.0.1", 0, "by script", "joe@far.example")]


def test_plugins_may_take_all_rules_away() -> None:
    class Nothing:
        @hookimpl
        def lan_rules(self) -> Sequence[LanRule]:
            return ()

    assert forwarding({"addresses": "*@far.example"}, plugin=Nothing()).specific("joe@far.example", STRANGER) is None


# --- what stands in the queue


def test_the_password_is_locked_in_the_queue_and_readable_for_the_sender(tmp_path: Path) -> None:
    locker = Locker(Vault(tmp_path))
    rule = Settings(rules=[{"addresses": "*@a.example", "server": "[::1]:587", "username": "f@x", "password": "a:b@c>"}]).rules[0].rule()
    text = locker.lock(rule.server, '"odd > path"@bücher.example')
    assert "a:b@c" not in text
    assert locker.lock(rule.server, '"odd > path"@bücher.example') == text, "equal targets stay equal"
    again = Locker(Vault(tmp_path)).unlock(text)
    assert (again.server, again.return_path) == (rule.server, '"odd > path"@bücher.example')
    assert shown(text) == "f@x:***@[::1]:587"


@given(st.text(), st.text(min_size=1), st.text(min_size=1))
def test_routing_never_raises_and_what_it_keeps_can_be_read_again(address: str, local: str, domain: str) -> None:
    rules = forwarding(
        {"addresses": ["*@far.example", "a?b@*"]}, {"addresses": "~@*"}, {"addresses": "joe", "rewrite": "*@b.example"}, bare=True
    )
    for one in (address, f"{local}@{domain}", f"{local}@far.example", f"{local}@example.test"):
        for route in (rules.specific(one, STRANGER), rules.last_resort(one, MADE_HERE)):
            assert route is None or Via.parse(target(route)[2]).server.host == "10.0.0.1"


# --- settings


def problems(**section: Any) -> list[str]:
    from postroom.config.load import own_checks

    return [".".join(map(str, place)) for place, _ in own_checks(Settings(**section))]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"addresses": "joe"}, "rules.0.addresses"),
        ({"addresses": "*@a.example", "server": "a.test:25", "port": 26}, "rules.0.port"),
        ({"addresses": "*@a.example", "username": "fred"}, "rules.0.password"),
        ({"addresses": "*@a.example", "password": "geheim"}, "rules.0.username"),
    ],
)
def test_contradictions_are_told_with_their_place(rule: dict[str, Any], place: str) -> None:
    assert problems(rules=[{"server": "a.test"} | rule]) == [place]


def test_a_rule_may_have_its_port_apart() -> None:
    rule = Settings(rules=[{"addresses": "*@a.example", "server": "mail.lan", "port": 587}]).rules[0].rule()
    assert rule.server.place == "mail.lan:587"


def test_nothing_of_the_settings_is_printed_that_is_secret() -> None:
    settings = Settings(rules=[{"addresses": "*@a.example", "server": "a.test", "username": "fred", "password": "geheim"}])
    assert "geheim" not in repr(settings)
    assert "geheim" not in repr(settings.rules[0].rule())
