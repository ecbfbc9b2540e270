"""Who is never told what becomes of a message: senders that may be somebody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from postroom.mail.envelope import Recipient
from tests.core.queue.office import LATER, NEVER, Office

EVERYTHING = "SUCCESS,FAILURE,DELAY"


def reported(office: Office, number: int) -> list[dict[str, Any]]:
    """What the trace says about reports on a message."""
    rows = office.rows("trace", "trace, event, detail")
    return [json.loads(detail) for trace, event, detail in rows if (trace, event) == (number, "reported")]


@pytest.mark.parametrize("memory", [True, False], ids=["from memory", "from the queue"])
@pytest.mark.parametrize("outcome", [NEVER, LATER], ids=["failure", "delay"])
def test_nobody_hears_of_mail_that_failed_a_check_of_its_sender(office: Office, outcome: Any, memory: bool) -> None:
    if memory:
        office.hand_over()
    office.sender.script["joe@far.test"] = [outcome]
    number = office.put("forged@else.test", Recipient("joe@far.test", EVERYTHING), suspect="SPF fail")
    for _ in range(10):
        office.work()
        office.wait(3600)
    assert {one.sender for one in office.sender.sent} == {"forged@else.test"}
    assert [one["none"] for one in reported(office, number)][:1] == [
        "no report, because the message failed a check of its sender: the address may be somebody else's"
    ]


def test_the_trace_says_which_check_it_was(office: Office) -> None:
    number = office.put("forged@else.test", "joe@far.test", suspect="SPF fail")
    (detail,) = [json.loads(detail) for trace, event, detail in office.rows("trace", "trace, event, detail") if event == "accepted"]
    assert (detail["suspect"], number) == ("SPF fail", office.rows("outgoing", "id")[0][0])


def test_the_null_sender_gets_none_and_the_trace_says_so(office: Office) -> None:
    office.sender.script["joe@far.test"] = [NEVER]
    number = office.put("", "joe@far.test")
    office.work()
    assert [one["none"] for one in reported(office, number)] == ["no report, because the null sender gets none"]


def test_even_success_here_is_not_told_to_it(office: Office) -> None:
    office.user("bob")
    office.put("forged@else.test", Recipient("bob@our.test", EVERYTHING), suspect="DMARC fail")
    assert office.rows("outgoing", "id") == []


def test_mail_without_such_a_finding_is_reported(office: Office) -> None:
    office.sender.script["joe@far.test"] = [NEVER]
    office.put("real@else.test", "joe@far.test")
    office.work()
    assert [one.sender for one in office.sender.sent] == ["real@else.test", ""]
