"""Which mail a sender with rules takes next, and that what it leaves is not read again and again."""

from __future__ import annotations

import pytest

from postroom.provided import SendingRules
from postroom.queue import claim
from postroom.queue import picking as module
from postroom.queue.picking import Picking
from postroom.sending.filtering import Filter
from tests.core.queue.office import Office


def picking(office: Office, **rules: object) -> Picking:
    return Picking(office.db, office.blobs, "out", SendingRules(**rules), lambda: 0)  # type: ignore[arg-type]


def put(office: Office, name: str, size: int = 10) -> None:
    office.put("ann@our.test", f"{name}@far.test", data=b"Subject: Hi\r\n\r\n" + b"x" * size)
    office.wait(1)


def take(office: Office, numbers: list[int]) -> None:
    """The line claims them."""
    office.db.write(lambda tx: claim.take_named(tx, numbers, "worker-1", office.now, office.now + 60_000))


def names(office: Office, numbers: list[int]) -> list[str]:
    known = {number: address.partition("@")[0] for number, address in office.rows("outgoing_recipient", "id, address")}
    return [known[number] for number in numbers]


@pytest.mark.parametrize(
    ("rules", "order"),
    [({"smaller_first": True}, "bca"), ({"smaller_first": True, "reverse": True}, "acb"), ({"reverse": True}, "cba"), ({}, "abc")],
)
def test_mail_is_taken_in_the_order_of_the_sender(office: Office, rules: dict[str, bool], order: str) -> None:
    for name, size in (("a", 300), ("b", 100), ("c", 200)):
        put(office, name, size)
    assert "".join(names(office, picking(office, **rules).next(office.now, 0, 10))) == order


@pytest.mark.parametrize(("rules", "order"), [({"smaller_first": True}, "bca"), ({"reverse": True}, "cba"), ({}, "abc")])
def test_mail_is_sent_in_the_order_of_the_sender(office: Office, rules: dict[str, bool], order: str) -> None:
    office.sender.rules = SendingRules(**rules)  # type: ignore[arg-type]
    for name, size in (("a", 300), ("b", 100), ("c", 200)):
        put(office, name, size)
    office.work()
    assert "".join(one.recipients[0].address[0] for one in office.sender.sent) == order


@pytest.mark.parametrize("rules", [{}, {"smaller_first": True}])
def test_urgent_mail_is_sent_before_what_came_earlier(office: Office, rules: dict[str, bool]) -> None:
    office.sender.rules = SendingRules(**rules)  # type: ignore[arg-type]
    for name, priority in (("a", 30), ("b", 50), ("c", 70), ("d", 100)):
        put(office, name, priority)
        office.out.set_priority(max(office.rows("outgoing", "id"))[0], office.now, priority)
    office.work()
    assert "".join(one.recipients[0].address[0] for one in office.sender.sent) == "dcba"


def test_what_comes_later_takes_its_place_among_the_chosen(office: Office) -> None:
    put(office, "a", 300)
    put(office, "b", 100)
    one = picking(office, smaller_first=True)
    numbers = one.next(office.now, 0, 1)
    assert names(office, numbers) == ["b"]
    take(office, numbers)
    put(office, "c", 200)
    assert names(office, one.next(office.now, 0, 2)) == ["c", "a"]


def test_more_than_can_be_chosen_in_advance_comes_all_the_same(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    for name, size in zip("abcde", (50, 40, 30, 20, 10), strict=True):
        put(office, name, size)
    one, found = picking(office, smaller_first=True), []
    for _ in range(5):
        numbers = one.next(office.now, 0, 1)
        found += names(office, numbers)
        take(office, numbers)
    assert "".join(found) == "edcba"


@pytest.mark.parametrize("rules", [{}, {"smaller_first": True}])
def test_what_the_filter_leaves_is_not_read_again(office: Office, rules: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        put(office, f"u{n}")
    one = picking(office, takes=Filter.parse("Skip: All"), **rules)
    for _ in range(2):  # the second look overlaps the first
        assert one.next(office.now, 0, 10) == []
        office.wait(module.OVERLAP / 1000 + 10)
    read: list[object] = []
    monkeypatch.setattr(one, "_taken", lambda found, now: read.append(found))
    assert one.next(office.now, 0, 10) == []
    assert read == []


def test_only_what_waits_at_the_start_of_a_run_is_taken(office: Office) -> None:
    put(office, "early")
    began = office.now
    office.wait(1)
    put(office, "late")
    assert names(office, picking(office, only_waiting=True).next(office.now, began, 10)) == ["early"]


def test_a_header_decides(office: Office) -> None:
    put(office, "plain")
    office.put("ann@our.test", "bulk@far.test", data=b"X-Bulk: yes\r\n\r\nHello\r\n")
    one = picking(office, takes=Filter.parse("Attempt: Header:X-Bulk:yes"))
    assert names(office, one.next(office.now, 0, 10)) == ["bulk"]
