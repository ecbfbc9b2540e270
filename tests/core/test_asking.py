"""Asking hooks: isolation, order, breaker."""

from __future__ import annotations

from typing import Any

import pytest

from postroom import Verdict, hookimpl
from postroom.asking import FAILURES_IN_A_ROW, OPEN_SECONDS, Asker, PluginFault
from postroom.hookspecs import new_manager
from postroom.mail.verdict import Action


class Rejects:
    """Rejects every HELO."""

    @hookimpl
    def client_helo(self, name: str) -> Verdict:
        return Verdict.reject(f"not {name}")


class Breaks:
    """Fails at every HELO and login name."""

    calls = 0

    @hookimpl
    def client_helo(self) -> None:
        self.calls += 1
        raise RuntimeError("broken")

    @hookimpl
    def translate_username(self, name: str) -> str:
        raise RuntimeError("broken")

    @hookimpl
    def route(self, address: str) -> None:
        raise RuntimeError("broken")


class Renames:
    """Puts an x behind every login name."""

    @hookimpl
    def translate_username(self, name: str) -> str:
        return name + "x"


def asker(*plugins: object, clock: list[float] | None = None) -> Asker:
    """An Asker over these plugins, in this order of configuration."""
    manager = new_manager()
    for number, plugin in reversed(list(enumerate(plugins))):
        manager.register(plugin, type(plugin).__name__ + "'" * number)
    now = clock or [0.0]
    return Asker(manager.hook, lambda: now[0], lambda *fault: None)


def test_nobody_to_ask_is_no_opinion() -> None:
    assert asker().verdict("client_helo", client=None, name="x") is None


def test_a_plugin_takes_only_the_arguments_it_names() -> None:
    verdict = asker(Rejects()).verdict("client_helo", client=None, name="x")
    assert verdict is not None and verdict.reply is not None and verdict.reply.text == "not x"


def test_one_plugins_exception_is_a_temporary_refusal_and_the_others_still_answer() -> None:
    alone = asker(Breaks()).verdict("client_helo", client=None, name="x")
    both = asker(Breaks(), Rejects()).verdict("client_helo", client=None, name="x")
    assert alone is not None and alone.action is Action.DEFER
    assert both is not None and both.action is Action.REJECT


def test_a_plugin_that_keeps_failing_is_left_out_for_a_while() -> None:
    clock, broken = [0.0], Breaks()
    ask = asker(broken, clock=clock)
    for _ in range(FAILURES_IN_A_ROW + 3):
        ask.verdict("client_helo", client=None, name="x")
    assert broken.calls == FAILURES_IN_A_ROW
    clock[0] = OPEN_SECONDS
    ask.verdict("client_helo", client=None, name="x")
    assert broken.calls == FAILURES_IN_A_ROW + 1


def test_the_administrator_is_told_when_a_circuit_opens() -> None:
    told: list[Any] = []

    class Listens:
        @hookimpl
        def circuit_opened(self, plugin: str, hook: str) -> None:
            told.append((plugin, hook))

    ask = asker(Breaks(), Listens())
    for _ in range(FAILURES_IN_A_ROW):
        ask.verdict("client_helo", client=None, name="x")
    assert told == [("Breaks", "client_helo")]


def test_a_transform_passes_the_value_along_and_skips_a_failing_link() -> None:
    ask = asker(Renames(), Breaks(), Renames())
    assert ask.transform("translate_username", "name", "a", client=None) == "axx"


def test_a_failing_plugin_where_the_first_answer_wins_raises() -> None:
    with pytest.raises(PluginFault, match="Breaks failed in route"):
        asker(Breaks()).first("route", address="a@b", envelope=None)


def test_where_the_first_answer_wins_an_open_circuit_is_a_failure_too() -> None:
    ask = asker(Breaks())
    for _ in range(FAILURES_IN_A_ROW + 1):
        with pytest.raises(PluginFault):
            ask.first("route", address="a@b", envelope=None)
