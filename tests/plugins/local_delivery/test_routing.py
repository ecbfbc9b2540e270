"""Routing: where mail for an address goes, by reason. The directory is made up here; nothing is stored."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.delivery import Discard, Refuse, ToMailbox, ToQueue
from postroom.mail.local_domains import LocalDomains
from postroom.store.directory import Directory, User
from postroom_local_delivery.expansion import Lock, Origin
from postroom_local_delivery.gathering import Decision
from postroom_local_delivery.mappings import Mappings
from postroom_local_delivery.routing import resolve
from postroom_local_delivery.settings import Settings

DOMAINS = LocalDomains("example.test", ["example.test", "*.branch.test", "bücher.example", "solo@isp.example", "team-*@isp.example"])
LOCAL, REMOTE = Origin(True, "sender"), Origin(False, "stranger@elsewhere.example")


def user(number: int, name: str, **values: Any) -> User:
    return User(number, name, **values)


USERS = [
    user(1, "boss", admin=True),
    user(2, "bob"),
    user(3, "alice"),
    user(4, "gone", enabled=False),
    user(5, "shy", in_everyone=False),
    user(6, "busy", assistants=("alice", "temp@agency.example")),
    user(7, "chief", assistants=("busy",), redirect_to_assistant=True),
    user(8, "away", forward=("home@isp.example",), use_forwarding=True),
    user(9, "ready", forward=("home@isp.example",)),
    user(10, "ping", forward=("pong",), use_forwarding=True),
    user(11, "pong", forward=("ping",), use_forwarding=True),
    user(12, "both", forward=("both", "home@isp.example"), use_forwarding=True),
    user(13, "relayed", forward=("away",), use_forwarding=True),
    user(14, "lan", forward=("SMTP:bob@x.test@fred:secret@192.168.1.1:587",), use_forwarding=True),
    user(15, "info"),
    user(16, "dotted.name"),
]
MAPPINGS = {
    "sales": ("bob", "alice"),
    "info": ("bob",),  # replaces the implied mapping of the user info
    "help@example.test": ("bob",),
    "help": ("alice",),
    "web*": ("bob",),
    "*@shop.branch.test": ("alice",),
    "w?b1@example.test": ("alice",),
    "out": ("friend@Friends.EXAMPLE",),
    "traveller": ("*REMOTE",),
    "half": ("*remote", "bob"),
    "chain": ("sales",),
    "loop": ("loop2",),
    "loop2": ("loop",),
    "crew": ("staff",),
    "stale": ("nobody", "bob"),
    "dead": ("nobody",),
    "toguest": ("gone",),
    "~@lost.branch.test": ("bob",),
    "nothing": ("no-one",),
    "friend@elsewhere.example": ("bob",),
}
LISTS = {
    "staff": ("bob", "alice", "shy", "friend@friends.example"),
    "all": ("staff", "bob", "boss"),
    "circle": ("ring", "bob"),
    "ring": ("circle", "alice"),
    "self": ("self",),
    "empty": (),
    "viamap": ("info", "help"),
    "tagged": ("bob+work@example.test",),
}


def directory(users: list[User] = USERS, mappings: Any = MAPPINGS, lists: Any = LISTS) -> Directory:
    return Directory(
        1,
        {found.name: found for found in users},
        {key: value for key, value in mappings.items() if "*" not in key and "?" not in key},
        tuple((key, value) for key, value in mappings.items() if "*" in key or "?" in key),
        lists,
        next((found.name for found in users if found.admin), ""),
    )


def decide(address: str, origin: Origin = REMOTE, snapshot: Directory | None = None, lock: Lock | None = None, **settings: Any) -> Decision:
    snapshot = snapshot or directory()
    mappings = Mappings(chain(snapshot.mappings.items(), snapshot.wildcards))
    return resolve(address, snapshot, mappings, DOMAINS, origin, Settings(**settings), lock)


def words(decision: Decision) -> list[str]:
    """The targets in short: names for mailboxes, addresses for the queue, codes for refusals."""
    found = []
    for target in decision.route.targets:
        match target:
            case ToMailbox(name=name, folder=folder):
                found.append(name if folder == "INBOX" else f"{name}/{folder}")
            case ToQueue(address=address):
                found.append(f"→{address}")
            case Discard():
                found.append("discard")
            case Refuse(reply=reply):
                found.append(f"{reply.code} {reply.enhanced}")
    return found


CASES = {
    "users by name, in any case, at any local domain": [
        ("bob@example.test", ["bob"]),
        ("BOB@EXAMPLE.TEST", ["bob"]),
        ("bob@north.branch.test", ["bob"]),
        ("bob@BÜCHER.example", ["bob"]),
        ("bob@xn--bcher-kva.example", ["bob"]),
        ("bob", ["bob"]),
        ("dotted.name@example.test", ["dotted.name"]),
        ("nobody@example.test", ["550 5.1.1"]),
        ("gone@example.test", ["550 5.2.1"]),
    ],
    "domains: wildcards and single addresses": [
        ("bob@branch.test", ["→bob@branch.test"]),
        ("bob@isp.example", ["→bob@isp.example"]),
        ("solo@isp.example", ["550 5.1.1"]),
        ("team-x@isp.example", ["550 5.1.1"]),
        ("bob@example.test.evil.example", ["→bob@example.test.evil.example"]),
        ("bob@xexample.test", ["→bob@xexample.test"]),
        ("friend@elsewhere.example", ["→friend@elsewhere.example"]),  # a mapping for it does not make it ours
    ],
    "mappings come first, and all that match apply": [
        ("sales@example.test", ["bob", "alice"]),
        ("info@example.test", ["bob"]),
        ("help@example.test", ["alice", "bob"]),
        ("help@north.branch.test", ["alice"]),
        ("website@example.test", ["bob"]),
        ("web1@example.test", ["bob", "alice"]),
        ("bob@shop.branch.test", ["alice"]),
        ("out@example.test", ["→friend@friends.example"]),
        ("chain@example.test", ["bob", "alice"]),
        ("crew@example.test", ["bob", "alice", "shy", "→friend@friends.example"]),
        ("nothing@example.test", ["discard"]),
    ],
    "a target that is gone matters only when it is the only one": [
        ("stale@example.test", ["bob"]),
        ("dead@example.test", ["550 5.1.1"]),
        ("toguest@example.test", ["550 5.2.1"]),
    ],
    "circles end": [
        ("loop@example.test", ["550 5.4.6"]),
        ("circle@example.test", ["alice", "bob"]),
        ("self@example.test", ["550 5.4.6"]),
        ("ping@example.test", ["ping"]),
        ("both@example.test", ["both", "→home@isp.example"]),
    ],
    "*REMOTE": [("traveller@example.test", ["550 5.1.1"]), ("half@example.test", ["bob"])],
    "catch-all only when nothing else has the name": [
        ("whoever@lost.branch.test", ["bob"]),
        ("alice@lost.branch.test", ["alice"]),
        ("staff@lost.branch.test", ["bob", "alice", "shy", "→friend@friends.example"]),
        ("abuse@lost.branch.test", ["boss"]),
        ("whoever@found.branch.test", ["550 5.1.1"]),
    ],
    "lists": [
        ("all@example.test", ["bob", "alice", "shy", "→friend@friends.example", "boss"]),
        ("empty@example.test", ["550 5.2.4"]),
        ("no-one@example.test", ["discard"]),
        ("everyone@example.test", ["550 5.7.1"]),  # a stranger may not write to all
        ("viamap@example.test", ["info", "alice", "bob"]),  # inside lists, users come before mappings
    ],
    "assistants and forwards": [
        ("busy@example.test", ["alice", "→temp@agency.example", "busy"]),
        ("chief@example.test", ["busy"]),  # instead of the chief, and the assistant's own assistants get nothing
        ("away@example.test", ["→home@isp.example"]),
        ("ready@example.test", ["ready"]),  # Forward To is set, Use Forwarding is not
        ("relayed@example.test", ["→home@isp.example"]),
        ("lan@example.test", ["550 5.3.5"]),
    ],
    "plus-addresses": [
        ("bob+tag@example.test", ["bob"]),
        ("bob+a+b@example.test", ["bob"]),
        ("bob+@example.test", ["bob"]),
        ("sales+x@example.test", ["bob", "alice"]),
        ("nobody+x@example.test", ["550 5.1.1"]),
        ("+bob@example.test", ["550 5.1.1"]),
        ("gone+x@example.test", ["550 5.2.1"]),
    ],
    "postmaster and abuse": [
        ("postmaster@example.test", ["boss"]),
        ("Abuse@north.branch.test", ["boss"]),
        ("postmaster", ["boss"]),
        ("postmaster@elsewhere.example", ["→postmaster@elsewhere.example"]),
    ],
    "tricks to be relayed": [
        ("victim%elsewhere.example@example.test", ["550 5.1.1"]),
        ('"victim@elsewhere.example"@example.test', ["550 5.1.1"]),
        ('"friend@elsewhere.example"@example.test', ["550 5.1.1"]),  # although a mapping is spelt like the inside
        ("elsewhere.example!victim@example.test", ["550 5.1.1"]),
        ('"bob"+x@example.test', ["550 5.1.1"]),
        ("*REMOTE@example.test", ["550 5.1.1"]),
        ("SMTP:x@example.test", ["550 5.1.1"]),
    ],
}


@pytest.mark.parametrize(("address", "expected"), [case for group in CASES.values() for case in group])
def test_mail_of_a_stranger_goes_where_the_table_says(address: str, expected: list[str]) -> None:
    decision = decide(address)
    assert words(decision) == expected, decision.route.reasons
    assert decision.route.reasons


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("traveller@example.test", ["→traveller@example.test"]),
        ("half@example.test", ["→half@example.test", "bob"]),
        ("nobody@example.test", ["550 5.1.1"]),
        ("bob@example.test", ["bob"]),
    ],
)
def test_locally_sent_mail_differs_only_for_remote(address: str, expected: list[str]) -> None:
    assert words(decide(address, LOCAL)) == expected


def test_everyone_holds_the_enabled_accounts_that_want_to_be_in_it() -> None:
    names = words(decide("everyone@example.test", LOCAL))
    assert "bob" in names
    assert "shy" not in names
    assert "gone" not in names
    assert words(decide("everyone@example.test", everyone_from="anyone")) == names


def test_unrecognised_recipients_of_local_senders_may_go_out() -> None:
    decision = decide("nobody@example.test", LOCAL, unrecognised_to_outgoing=True)
    assert words(decision) == ["→nobody@example.test"]
    assert not decision.route.local
    assert words(decide("nobody@example.test", unrecognised_to_outgoing=True)) == ["550 5.1.1"]


def test_without_default_user_mappings_a_user_needs_a_mapping() -> None:
    assert words(decide("alice@example.test", disable_default_user_mappings=True)) == ["550 5.1.1"]
    assert words(decide("sales@example.test", disable_default_user_mappings=True)) == ["bob", "alice"]
    assert words(decide("staff@example.test", disable_default_user_mappings=True))[:2] == ["bob", "alice"]
    assert words(decide("postmaster@example.test", disable_default_user_mappings=True)) == ["boss"]


def test_mail_from_an_assistant_is_not_copied_to_assistants() -> None:
    decision = decide("busy@example.test", Origin(True, "alice"))
    assert words(decision) == ["busy"]
    assert decision.by_sender
    assert words(decide("busy@example.test", Origin(False, "temp@agency.example"))) == ["busy"]
    assert words(decide("chief@example.test", Origin(True, "busy"))) == ["chief"]


def test_the_tag_of_a_plus_address_may_name_a_folder() -> None:
    assert words(decide("bob+Work@example.test", plus_folder=True)) == ["bob/Work"]
    assert words(decide("tagged@example.test", plus_folder=True)) == ["bob/work"]
    assert words(decide("staff+Work@example.test", plus_folder=True))[0] == "bob"  # the tag belongs to the list's address
    assert words(decide("bob-x@example.test", plus_separator="-")) == ["bob"]
    assert words(decide("bob+x@example.test", plus_separator="")) == ["550 5.1.1"]


def test_a_stranger_reaches_local_addresses_even_where_they_lead_out_and_no_others() -> None:
    assert decide("away@example.test").route.local
    assert decide("out@example.test").route.local
    assert not decide("friend@elsewhere.example").route.local
    assert not decide("traveller@example.test", LOCAL).route.local
    assert not decide("half@example.test", LOCAL).route.local


@pytest.mark.parametrize("kind", ["list", "mapping", "forward"])
def test_ten_levels_are_followed_and_eleven_are_too_deep(kind: str) -> None:
    def nested(levels: int) -> Directory:
        names = [f"level{number}" for number in range(levels)]
        steps = {name: (following,) for name, following in zip(names, [*names[1:], "bob"], strict=True)}
        if kind == "forward":
            users = [user(100 + n, name, forward=steps[name], use_forwarding=True) for n, name in enumerate(names)]
            return directory([*USERS, *users])
        return directory(mappings=steps if kind == "mapping" else {}, lists=steps if kind == "list" else {})

    assert words(decide("level0@example.test", snapshot=nested(10))) == ["bob"]
    decision = decide("level0@example.test", snapshot=nested(11))
    assert decision.route.refusal is not None
    assert decision.route.refusal.text == "Error expanding recipient - nesting level too deep"


def test_too_many_targets_refuse_the_recipient() -> None:
    snapshot = directory(lists={"big": tuple(f"u{n}@far.example" for n in range(50))})
    assert len(words(decide("big@example.test", snapshot=snapshot))) == 50
    assert words(decide("big@example.test", snapshot=snapshot, max_targets=49)) == ["550 5.3.4"]


def test_each_mailbox_gets_one_copy_whatever_the_ways_to_it() -> None:
    assert words(decide("double", snapshot=directory(mappings={"double": ("bob", "sales", "BOB@example.test")})))[0] == "bob"
    snapshot = directory(mappings={"double": ("bob", "staff", "BOB@example.test")})
    assert words(decide("double@example.test", snapshot=snapshot)).count("bob") == 1


def test_lists_that_hold_each_other_many_times_cost_no_more_than_their_members() -> None:
    layers = {f"l{n}": (*tuple(f"l{n + 1}" for _ in range(3)), "bob") for n in range(9)}
    wide = {f"w{n}-{k}": tuple(f"w{n + 1}-{j}" for j in range(30)) for n in range(8) for k in range(30)}
    decision = decide("w0-0@example.test", snapshot=directory(lists={**layers, **wide, "w8-0": ("bob",)}))
    assert words(decision) == ["bob"]
    assert len(decision.route.reasons) <= 501


@pytest.mark.parametrize("lock", [None, lambda server: server.masked])
def test_passwords_of_lan_targets_are_not_in_the_reasons(lock: Any) -> None:
    target = "SMTP:bob@x.test@fred:secret@192.168.1.1:587"
    users = [*USERS, user(17, "aided", assistants=(target, "SMTP:bob@secret@x@fred"))]
    snapshot = directory(users, mappings={"mapped": (target, "SMTP:secret")}, lists={"listed": (target,)})
    for name in ("lan", "aided", "mapped", "listed"):
        assert "secret" not in repr(decide(f"{name}@example.test", snapshot=snapshot, lock=lock).route)


def test_a_target_smtp_goes_to_its_server_wherever_a_target_may_stand() -> None:
    users = [*USERS, user(17, "aided", assistants=("SMTP:bob@x.test@192.168.1.1",), redirect_to_assistant=True)]
    snapshot = directory(users, mappings={"mapped": ("smtp:bob@x.test@192.168.1.1",)}, lists={"listed": ("SMTP:bob@x.test@192.168.1.1",)})
    for name in ("aided", "mapped", "listed"):
        found = decide(f"{name}@example.test", snapshot=snapshot, lock=lambda server: server.text)
        assert found.route.targets == (ToQueue("bob@x.test", "LAN", "192.168.1.1"),)
        assert found.route.local


def test_a_target_smtp_that_cannot_be_read_is_refused_and_the_others_are_not() -> None:
    snapshot = directory(mappings={"mapped": ("SMTP:bob", "bob")})
    found = decide("mapped@example.test", snapshot=snapshot, lock=lambda server: server.text)
    assert words(found) == ["bob"]
    assert "cannot be used" in " ".join(found.route.reasons)


def test_the_reasons_tell_the_decisions_in_their_order() -> None:
    assert decide("chief@example.test").route.reasons == (
        "user chief: the mail goes to the assistants instead: busy",
        "user busy, folder INBOX",
    )
    assert decide("sales+x@example.test").route.reasons == (
        "nothing is named sales+x: is it sales with the tag x?",
        "mapping sales → bob, alice",
        "user bob, folder INBOX",
        "user alice, folder INBOX",
    )
    assert decide("x@elsewhere.example").route.reasons == ("elsewhere.example is not a domain of this server: the mail goes out",)


NAMES = [
    "a",
    "b",
    "c",
    "d",
    "everyone",
    "no-one",
    "x@far.example",
    "b+t@example.test",
    "A@EXAMPLE.test",
    "*REMOTE",
    "SMTP:a@b",
    "SMTP:a@b@fred:x@c:25",
    "smtp:a@b@[::1]",
    "",
    "@",
    "~",
]
TARGETS = st.lists(st.sampled_from(NAMES) | st.text(max_size=8), max_size=4).map(tuple)
PATTERNS = st.sampled_from(["a", "b@example.test", "*", "?", "~@*", "~", "c*", "*@example.test", ""]) | st.text(max_size=6)


@given(
    st.sampled_from([f"{name}@example.test" for name in NAMES]) | st.text(max_size=30),
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), TARGETS, st.booleans(), TARGETS, st.booleans()), max_size=4),
    st.dictionaries(PATTERNS, TARGETS, max_size=4),
    st.dictionaries(st.sampled_from("abcd"), TARGETS, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_directory_holds_there_is_a_route_and_no_error(
    address: str, users: list[Any], mappings: dict[str, Any], lists: dict[str, Any], local: bool, lan: bool
) -> None:
    people = [
        user(n, name, enabled=on, assistants=assistants, redirect_to_assistant=instead, forward=forward, use_forwarding=use)
        for n, (name, on, assistants, instead, forward, use) in enumerate(users)
    ]
    decision = decide(address, Origin(local, "a"), directory(people, mappings, lists), (lambda server: server.masked) if lan else None)
    assert decision.route.targets
    assert decision.route.reasons
    refusals = [target for target in decision.route.targets if isinstance(target, Refuse)]
    assert refusals == [] or len(decision.route.targets) == 1
