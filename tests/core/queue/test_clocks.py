"""A clock that is set back: mail that comes after that leaves as ever."""

from __future__ import annotations

import pytest

from postroom.provided import SendingRules
from postroom.sending.filtering import Filter
from postroom.sending.windows import Rate
from tests.core.queue.office import Office

DAY = 86400
RULES = (
    SendingRules(),
    SendingRules(takes=Filter.parse("Skip: Size>10MB")),
    SendingRules(smaller_first=True),
    SendingRules(rate=Rate(100, None, 60.0)),
)


@pytest.mark.parametrize("rules", RULES)
def test_fresh_mail_leaves_after_the_clock_was_set_back(office: Office, rules: SendingRules) -> None:
    office.sender.rules = rules
    office.put("ann@our.test", "a@far.test")
    assert office.work() == 1
    office.wait(-DAY)
    office.put("ann@our.test", "b@far.test")
    assert office.work() == 1


def test_a_rate_that_is_used_up_is_asked_again_after_the_clock_was_set_back(office: Office) -> None:
    office.sender.rules = SendingRules(rate=Rate(1, None, 60.0))
    for name in "ab":
        office.put("ann@our.test", f"{name}@far.test")
    assert office.work() == 1  # the second is over the rate
    office.wait(-DAY)
    office.db.write(lambda tx: tx.do("DELETE FROM sent"))
    office.put("ann@our.test", "c@far.test")
    assert office.work() == 1
