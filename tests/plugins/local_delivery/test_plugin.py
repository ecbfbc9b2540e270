"""The plugin around the routing: newest directory, remembered routes, other plugins' wishes, folders, faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from postroom.asking import Asker
from postroom.config.core_sections import DomainSettings
from postroom.hookspecs import hookimpl, new_manager
from postroom.mail.delivery import Refuse, Route, ToMailbox, ToQueue
from postroom.mail.envelope import Envelope
from postroom.sending.via import Via, shown
from postroom.store.database import StoreUnavailable
from postroom.store.directory import Directory, User
from postroom_local_delivery.plugin import Plugin, Settings


class Directories:
    """A directory cache whose snapshots are set by the test."""

    def __init__(self, directory: Directory) -> None:
        self.at_hand = self.newest = directory
        self.looks = 0

    def current(self) -> Directory:
        return self.at_hand

    def fresh(self) -> Directory:
        self.looks += 1
        self.at_hand = self.newest
        return self.newest


class Mailboxes:
    """Knows the folders that the test names."""

    def __init__(self, *folders: tuple[int, str]) -> None:
        self.folders = folders

    def find(self, account_id: int, folder: str) -> object | None:
        return object() if (account_id, folder) in self.folders else None


class Lan:
    """A plugin that takes one address."""

    @hookimpl
    def route(self, address: str) -> Route | None:
        return Route((ToQueue(address, "lan"),), ("LAN",)) if address == "friend@lan.example" else None


class Faulty:
    """A plugin with a bug."""

    @hookimpl
    def route(self, address: str) -> Route | None:
        raise RuntimeError(address)


def directory(*users: User, **values: Any) -> Directory:
    return Directory(1, {user.name: user for user in users}, **values)


BOB = User(2, "bob")
FORWARDING = User(3, "away", forward=("friend@lan.example", "other@far.example"), use_forwarding=True)

Make = Callable[..., Plugin]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Builds the plugin beside others, each asked after those before it."""

    def build(source: Any, *others: object, mailboxes: Mailboxes | None = None, lan: bool = False, **settings: Any) -> Plugin:
        manager = new_manager()
        ask = Asker(manager.hook, lambda: 0.0, lambda *_: None)
        domains, server = DomainSettings(default="example.test", local=["example.test"]), SimpleNamespace(data_dir=tmp_path)
        config = SimpleNamespace(domains=domains, server=server, plugins={"lan_forwarding": {}} if lan else {})
        log = SimpleNamespace(error=lambda *_, **__: None)
        context: Any = SimpleNamespace(config=config, directory=source, ask=ask, mailboxes=mailboxes or Mailboxes(), log=log)
        plugin = Plugin(context, Settings(**settings))
        for number, one in enumerate(reversed((*others, plugin))):
            manager.register(one, str(number))
        manager.check_pending()
        return plugin

    return build


def test_a_user_gets_the_mail(make: Make) -> None:
    route = make(Directories(directory(BOB))).route("bob@example.test", Envelope("x@far.example"))
    assert route.targets == (ToMailbox(2, "bob"),)
    assert route.local


def test_an_account_made_a_moment_ago_is_found_before_it_is_refused(make: Make) -> None:
    source = Directories(directory())
    plugin = make(source)
    source.newest = directory(BOB)
    assert plugin.route("bob@example.test", Envelope("")).targets == (ToMailbox(2, "bob"),)
    assert source.looks == 1


def test_an_unknown_name_costs_one_look_at_the_newest_directory(make: Make) -> None:
    source = Directories(directory(BOB))
    refusal = make(source).route("nobody@example.test", Envelope("")).refusal
    assert str(refusal) == "550 5.1.1 <nobody@example.test> is unknown here"
    assert source.looks == 1


def test_a_route_is_remembered_until_the_directory_changes(make: Make) -> None:
    source = Directories(directory(BOB))
    plugin = make(source)
    first = plugin.route("bob@example.test", Envelope(""))
    assert plugin.route("bob@example.test", Envelope("other@far.example")) is first
    source.at_hand = directory(User(2, "bob", enabled=False))
    assert isinstance(plugin.route("bob@example.test", Envelope("")).targets[0], Refuse)


def test_a_route_that_depends_on_the_sender_is_remembered_for_each_sender(make: Make) -> None:
    plugin = make(Directories(directory(BOB, User(4, "chief", assistants=("bob",)))))
    for _ in range(2):
        assert len(plugin.route("chief@example.test", Envelope("", user="bob", local_origin=True)).targets) == 1
        assert len(plugin.route("chief@example.test", Envelope("bob@example.test", local_origin=True)).targets) == 1
        assert len(plugin.route("chief@example.test", Envelope("", local_origin=True)).targets) == 2
        assert len(plugin.route("chief@example.test", Envelope("x@far.example", local_origin=True)).targets) == 2


def test_local_and_foreign_senders_are_not_mixed_up(make: Make) -> None:
    plugin = make(Directories(directory(BOB, mappings={"out": ("*REMOTE",)})))
    for _ in range(2):
        assert plugin.route("out@example.test", Envelope("", local_origin=True)).targets == (ToQueue("out@example.test"),)
        assert plugin.route("out@example.test", Envelope("")).refusal is not None


def test_a_user_who_may_not_send_outside_is_a_local_sender_all_the_same(make: Make) -> None:
    plugin = make(Directories(directory(BOB)))
    for _ in range(2):
        assert plugin.route("everyone@example.test", Envelope("", user="bob")).targets == (ToMailbox(2, "bob"),)
        assert plugin.route("everyone@example.test", Envelope("bob@example.test")).refusal is not None


def test_memory_of_routes_is_bounded(make: Make) -> None:
    plugin = make(Directories(directory(BOB)))
    for number in range(10_050):
        plugin.route(f"bob+{number}@example.test", Envelope(""))
        plugin.route(f"nobody{number}@example.test", Envelope(""))
    snapshot = plugin.router._snapshot
    assert snapshot is not None
    assert len(snapshot.routes) <= 10_000


def test_addresses_that_a_forward_leads_to_are_offered_to_the_other_plugins(make: Make) -> None:
    route = make(Directories(directory(FORWARDING)), Lan()).route("away@example.test", Envelope(""))
    assert route.targets == (ToQueue("friend@lan.example", "lan"), ToQueue("other@far.example"))
    assert route.reasons[-1] == "LAN"
    assert route.local


def test_a_fault_of_another_plugin_is_a_temporary_refusal(make: Make) -> None:
    refusal = make(Directories(directory(FORWARDING)), Faulty()).route("away@example.test", Envelope("")).refusal
    assert refusal is not None
    assert refusal.temporary


def test_when_the_store_does_not_answer_the_refusal_is_temporary(make: Make) -> None:
    class Away:
        def current(self) -> Directory:
            raise StoreUnavailable("gone")

    refusal = make(Away()).route("bob@example.test", Envelope("")).refusal
    assert str(refusal) == "451 4.3.0 The directory of users does not answer, try again later"


def test_a_tag_names_a_folder_only_when_the_user_has_it(make: Make) -> None:
    plugin = make(Directories(directory(BOB)), mailboxes=Mailboxes((2, "Work")), plus_folder=True)
    assert plugin.route("bob+Work@example.test", Envelope("")).targets == (ToMailbox(2, "bob", "Work"),)
    route = plugin.route("bob+Play@example.test", Envelope(""))
    assert route.targets == (ToMailbox(2, "bob"),)
    assert route.reasons[-1] == "user bob has no folder Play: delivered to INBOX"


# --- LAN forwarding


class LastResort:
    """A plugin that takes what nobody has at two domains."""

    @hookimpl
    def route_last_resort(self, address: str) -> Route | None:
        taken = address.endswith(("@example.test", "@lan.example"))
        return Route((ToQueue(address, "LAN", "10.0.0.1"),), (f"last resort for {address}",), inbound=True) if taken else None


class ReturnPath:
    """A plugin that changes the return path of LAN forwarding."""

    @hookimpl
    def lan_return_path(self, path: str, address: str) -> str:
        return f"{address.partition('@')[0]}.{path}"


HOME = User(5, "home", forward=("SMTP:bob@x.example@fred:geheim@10.0.0.9:587", "lost@example.test"), use_forwarding=True)


def test_a_last_resort_takes_a_name_that_nothing_here_has(make: Make) -> None:
    route = make(Directories(directory(BOB)), LastResort()).route("lost@example.test", Envelope("x@far.example"))
    assert route.targets == (ToQueue("lost@example.test", "LAN", "10.0.0.1"),)
    assert route.reasons == ("nothing is named lost at example.test", "last resort for lost@example.test")


def test_a_last_resort_takes_an_address_of_elsewhere_before_it_goes_out(make: Make) -> None:
    plugin = make(Directories(directory(BOB)), LastResort())
    route = plugin.route("x@lan.example", Envelope("x@far.example"))
    assert route.targets == (ToQueue("x@lan.example", "LAN", "10.0.0.1"),)
    assert route.local
    assert plugin.route("x@far.example", Envelope("")).targets == (ToQueue("x@far.example"),)


def test_users_come_before_a_last_resort(make: Make) -> None:
    assert make(Directories(directory(BOB)), LastResort()).route("bob@example.test", Envelope("")).targets == (ToMailbox(2, "bob"),)


def test_a_last_resort_takes_unknown_names_inside_a_forward(make: Make) -> None:
    route = make(Directories(directory(HOME)), LastResort(), lan=True).route("home@example.test", Envelope(""))
    assert [target.address for target in route.targets if isinstance(target, ToQueue)] == ["bob@x.example", "lost@example.test"]


def test_a_target_smtp_goes_to_its_server_with_the_password_locked(make: Make) -> None:
    plugin = make(Directories(directory(HOME)), lan=True)
    target = plugin.route("home@example.test", Envelope("")).targets[0]
    assert isinstance(target, ToQueue)
    assert (target.address, target.channel, shown(target.via)) == ("bob@x.example", "LAN", "fred:***@10.0.0.9:587")
    assert "geheim" not in target.via
    assert plugin.route("home@example.test", Envelope("y@far.example")).targets[0] == target


def test_a_target_smtp_is_not_offered_to_other_plugins(make: Make) -> None:
    near = User(6, "near", forward=("SMTP:friend@lan.example@10.0.0.9",), use_forwarding=True)
    route = make(Directories(directory(near)), Lan(), lan=True).route("near@example.test", Envelope(""))
    assert route.targets == (ToQueue("friend@lan.example", "LAN", "10.0.0.9"),)


def test_plugins_change_the_return_path_of_a_target_smtp(make: Make) -> None:
    target = make(Directories(directory(HOME)), ReturnPath(), lan=True).route("home@example.test", Envelope("x@far.example")).targets[0]
    assert isinstance(target, ToQueue)
    assert Via.parse(target.via).return_path == "home.x@far.example"


def test_without_a_key_for_its_password_a_target_smtp_is_refused_for_now(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secrets.key").mkdir()
    plugin = make(Directories(directory(HOME)), lan=True)
    refusal = plugin.route("home@example.test", Envelope("")).refusal
    assert str(refusal) == "451 4.3.0 A password cannot be kept in the queue, try again later"
