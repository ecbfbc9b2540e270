"""Which names LIST shows: the examples of RFC 9051 section 6.3.9.8."""

from __future__ import annotations

import pytest

from postroom.store import acl
from postroom.store.mailboxes import Folder
from postroom_imap4_server.listing import Node, chosen, place
from postroom_imap4_server.patterns import Patterns

SUBSCRIBED = frozenset({b"SUBSCRIBED"})
EXISTING = "INBOX foo2 foo2/bar1 foo2/bar2 baz2 baz2/bar2 baz2/bar22 baz2/bar222 eps2 eps2/mamba qux2/bar2"
WANTED = "foo2/bar1 foo2/bar2 baz2/bar2 baz2/bar22 baz2/bar222 eps2 eps2/mamba qux2/bar2"


def tree(existing: str, subscribed: str = "") -> dict[str, Node]:
    nodes = {name: Node(name, Folder(1, 1, name, 1, 1, 1, ""), acl.ALL, own=True) for name in existing.split()}
    for name in subscribed.split():
        nodes.setdefault(name, Node(name, shown=False)).subscribed = True
    return dict(sorted(nodes.items(), key=lambda item: place(item[0])))


def listed(nodes: dict[str, Node], pattern: str, select: frozenset[bytes] = frozenset(), *, upwards: bool = True) -> str:
    """The names; those with CHILDINFO have a + behind them, those that were not asked for a ( before them."""
    found = chosen(nodes, Patterns([pattern]), select, upwards=upwards)
    return " ".join(f"{'' if one.asked else '('}{one.node.name}{'+' if one.above_others else ''}" for one in found)


def test_example_8_subscribed_names_and_those_above_them() -> None:
    expected = "baz2/bar2 baz2/bar22 baz2/bar222 eps2+ (foo2+ foo2/bar2 qux2/bar2"
    assert listed(tree(EXISTING, WANTED), "*2", SUBSCRIBED) == expected


def test_example_8_what_is_below_is_told_once() -> None:
    expected = "baz2/bar2 baz2/bar22 baz2/bar222 eps2+ eps2/mamba foo2/bar1 foo2/bar2 qux2/bar2"
    assert listed(tree(EXISTING, WANTED), "*", SUBSCRIBED) == expected


@pytest.mark.parametrize(("subscribed", "expected"), [("Foo/Baz", "(Foo+"), ("Foo Foo/Baz", "Foo+"), ("", ""), ("Foo Moo", "Foo Moo")])
def test_example_7_one_level_with_RECURSIVEMATCH(subscribed: str, expected: str) -> None:
    assert listed(tree("INBOX Foo Foo/Bar Foo/Baz Moo", subscribed), "%", SUBSCRIBED) == expected


def test_example_7_one_level_without_RECURSIVEMATCH() -> None:
    assert listed(tree("INBOX Foo Foo/Bar Foo/Baz Moo", "Foo/Baz"), "%", SUBSCRIBED, upwards=False) == ""


def test_example_9_what_is_subscribed_need_not_exist() -> None:
    nodes = tree("foo", "foo/bar")
    assert listed(nodes, "foo/*", SUBSCRIBED, upwards=False) == "foo/bar"
    assert listed(nodes, "foo", SUBSCRIBED) == "(foo+"


def test_example_10_names_above_mailboxes_are_shown_where_those_are_not() -> None:
    nodes = tree("music/rock")
    nodes["music"] = Node("music", children=True, shown=False)
    assert listed(nodes, "%") == "(music+"
    assert listed(nodes, "*") == "music/rock"


def test_names_above_subscribed_names_are_shown_though_nothing_of_them_exists() -> None:
    assert listed(tree("INBOX", "a/b/c"), "%", SUBSCRIBED) == "(a+"
    assert listed(tree("INBOX", "a/b/c"), "a/%", SUBSCRIBED) == "(a/b+"
