"""Acceptance: one commit, everything in it, nothing half-done."""

from __future__ import annotations

import pytest

from postroom.mail.delivery import Discard, Route, ToMailbox, ToQueue
from postroom.mail.envelope import Recipient
from postroom.store.database import StoreUnavailable
from tests.core.queue.office import Office, refused


def test_a_local_message_is_in_the_mailbox_with_return_path_and_added_headers(office: Office) -> None:
    bob = office.user("bob")
    office.put("ann@far.test", "bob@our.test", headers=[b"X-Check: fine"])
    lines = b"Return-Path: <ann@far.test>\r\nReceived: from pc.test\r\nX-Check: fine\r\n"
    assert office.inbox(bob) == [lines + b"Subject: Hi\r\n\r\nHello\r\n"]


def test_equal_targets_of_two_recipients_make_one_copy(office: Office) -> None:
    bob = office.user("bob")
    office.ask.routes["info@our.test"] = Route((ToMailbox(bob, "bob"), ToQueue("x@far.test")))
    office.put("ann@far.test", "bob@our.test", "info@our.test", Recipient("X@our.test", route=Route((ToQueue("x@far.test"),))))
    assert len(office.inbox(bob)) == 1
    assert office.rows("outgoing_recipient", "address, original") == [("x@far.test", "info@our.test")]


def test_a_quarantined_message_goes_to_junk(office: Office) -> None:
    bob = office.user("bob")
    office.put("ann@far.test", "bob@our.test", quarantine=True)
    assert office.inbox(bob) == []
    assert len(office.inbox(bob, "Junk")) == 1


def test_a_discarded_message_leaves_only_its_trace(office: Office) -> None:
    bob = office.user("bob")
    number = office.put("ann@far.test", "bob@our.test", discard=True)
    other = office.put("ann@far.test", Recipient("no-one@our.test", route=Route((Discard(),))))
    assert office.inbox(bob) == []
    assert office.rows("blob") == []
    assert office.events(number) == office.events(other) == ["accepted"]


def test_outgoing_mail_is_queued_without_return_path_and_due_at_once(office: Office) -> None:
    number = office.put("ann@our.test", "joe@far.test", user="ann", ret="HDRS", envid="e1")
    assert office.rows("outgoing", 'id, prefix, sender, "user", client_address, ret, envid') == [
        (number, b"Received: from pc.test\r\n", "ann@our.test", "ann", "192.0.2.9", "HDRS", "e1")
    ]
    assert office.rows("outgoing_recipient", "channel, address, state, next_try, lease_owner") == [
        ("out", "joe@far.test", 0, office.now, "")
    ]
    assert ("queue", {"channel": "out"}) in office.news.published


def test_the_plugins_and_the_other_workers_hear_of_it_after_the_commit(office: Office) -> None:
    office.user("bob")
    number = office.put("ann@far.test", "bob@our.test")
    (name, facts), *_ = office.ask.told
    assert (name, facts["envelope"].sender) == ("message_accepted", "ann@far.test")
    assert [topic for topic, _ in office.news.published] == ["mailbox"]
    assert office.events(number) == ["accepted"]


def test_a_store_that_fails_leaves_nothing_behind_and_gives_back_the_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.hand_over()

    def broken(fn: object, *, keys: object = ()) -> None:
        raise StoreUnavailable("disk full")

    submission = office.submission("ann@our.test", "joe@far.test")
    with monkeypatch.context() as patch:
        patch.setattr(office.db, "write", broken)
        with pytest.raises(StoreUnavailable):
            office.queue.put(submission)
    assert (office.line.held, office.desk.in_hand, submission.draft.head) == (0, {}, b"")
    assert office.rows("outgoing") == office.rows("blob") == []


def test_mail_to_an_account_that_has_just_gone_is_a_temporary_failure(office: Office) -> None:
    with pytest.raises(StoreUnavailable):
        office.put("ann@far.test", Recipient("gone@our.test", route=Route((ToMailbox(12345, "gone"),))))
    assert office.rows("blob") == []


def test_a_success_report_for_a_local_mailbox_comes_with_the_same_commit(office: Office) -> None:
    ann, _ = office.user("ann"), office.user("bob")
    office.put("ann@our.test", Recipient("bob@our.test", notify="SUCCESS", orcpt="rfc822;bob@our.test"), envid="q+3D1")
    (report,) = office.inbox(ann)
    assert b"Action: delivered\r\nStatus: 2.0.0\r\n" in report
    assert b"Original-Envelope-Id: q=1\r\n" in report
    assert b"Original-Recipient: rfc822; bob@our.test\r\n" in report


def test_a_list_answers_success_itself_and_passes_on_only_the_other_wishes(office: Office) -> None:
    ann = office.user("ann")
    office.put("ann@our.test", Recipient("team@our.test", "SUCCESS,FAILURE", route=Route((ToQueue("a@far.test"), ToQueue("b@far.test")))))
    assert b"Action: expanded\r\n" in office.inbox(ann)[0]
    assert office.rows("outgoing_recipient", "notify") == [("FAILURE",), ("FAILURE",)]


def test_our_user_hears_of_a_member_that_refuses_and_a_stranger_does_not(office: Office) -> None:
    ann, bob = office.user("ann"), office.user("bob")
    route = Route((ToMailbox(bob, "bob"), *refused("Gone away").targets))
    office.put("ann@our.test", Recipient("team@our.test", route=route), local_origin=True)
    office.put("joe@far.test", Recipient("team@our.test", route=route))
    (report,) = office.inbox(ann)
    assert b"550 5.1.1 Gone away" in report
    assert office.rows("outgoing") == []


def test_a_message_of_two_megabytes_arrives_byte_for_byte(office: Office) -> None:
    bob = office.user("bob")
    data = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 120_000
    office.put("ann@far.test", "bob@our.test", data=data)
    assert office.inbox(bob)[0].endswith(data)
