"""``postroom user`` and accounts that send more than ever, or earlier than others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.queue.surge import Surges
from postroom.sending.surge import SurgeRule
from tests.cli.conftest import Command, opened
from tests.core.queue.office import Office

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture
def office(postroom: Command, config: Path) -> Iterator[Office]:
    """The queue of the same store, in which everything that ann sends is too much."""
    postroom("user", "add", "ann")
    database = opened(config)
    office = Office(database)
    parts: Any = office.ask, office.log, office.desk.metrics
    office.log.error = office.log.info
    office.queue.surges = Surges(database, SurgeRule(4.0, 1, 1), *parts)
    yield office
    database.close()


def test_an_account_that_is_held_is_shown_so_and_released_by_one_command(postroom: Command, office: Office) -> None:
    office.put("ann@our.test", "x@far.test", "y@far.test", user="ann")
    assert json.loads(postroom("queue", "list", "--json").out)[0]["state"] == "held"
    assert "2 recipients within one hour" in json.loads(postroom("user", "show", "ann", "--json").out)["held_because"]
    assert postroom("user", "release", "ann").out == "account ann may send again, 1 messages are let go\n"
    assert "held" not in postroom("user", "show", "ann").out
    assert office.rows("outgoing_recipient", "state") == [(0,), (0,)]


def test_an_account_that_is_not_held_cannot_be_released(postroom: Command, office: Office) -> None:
    assert "account ann is not held" in postroom("user", "release", "ann").err
    assert "there is no account bob" in postroom("user", "release", "bob").err


def test_the_priority_of_an_account_is_set_within_its_bounds(postroom: Command) -> None:
    postroom("user", "add", "bob")
    assert postroom("user", "set", "bob", "priority=80").out == "priority: 80\n"
    for wrong in ("0", "101", "high", "-5"):
        assert "a number from 1 to 100 is expected" in postroom("user", "set", "bob", f"priority={wrong}").err
