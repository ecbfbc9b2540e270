"""``postroom explain`` for mail that leaves: reasons, connections, filters, times, limits, and what must not be shown."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from postroom.store.models import Site
from tests.cli.conftest import Command, opened

CONFIG = """
server: {hostname: mail.example.test, time_zone: Europe/Berlin}
domains: {default: example.test, local: [example.test]}
plugins:
  lan_forwarding:
    rules:
      - {name: Exchange, addresses: "*@lan.test", server: "10.0.0.1", username: fred, password: geheim, rewrite: "*@inside.test"}
      - {name: Rest, addresses: "~@example.test", server: "10.0.0.2:2525", condition: local}
  local_delivery: {}
  smtp_relay:
    senders:
      - {name: Customers, servers: ["one.isp.test:587"], domain_filter: "Attempt: Recipient:*@customer.test"}
      - name: Rest
        servers: ["two.isp.test", "three.isp.test"]
        encryption: starttls
        max_message_size: 1MB
        rate: {messages: 50, per: 1h}
        username: all
        password: geheim
        accounts: [{user: ann, username: ann, password: geheim}]
        fallback: [Customers]
connections:
  - {name: Direct, sender: Customers, default: true, immediate: true}
  - {name: Hourly, sender: Rest}
schedule:
  - {name: Night, connect: Hourly, at: "03:00"}
"""


@pytest.fixture
def explain(config: Path, postroom: Command) -> Any:
    """Runs the command with this configuration; the lines that it prints."""
    config.write_text(CONFIG)

    def run(*arguments: str) -> list[str]:
        done = postroom("explain", *arguments)
        assert done.status == 0, done.err
        assert "geheim" not in done.out
        return done.out.splitlines()

    return run


def insert(config: Path, table: str, row: dict[str, Any]) -> None:
    """A row of a table that the queue fills."""
    database = opened(config)
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
    database.write(lambda tx: tx.do(sql, tuple(row.values())))
    database.close()


def test_it_tells_every_way_out_with_the_line_of_the_filter(explain: Any) -> None:
    assert explain("bob@customer.test", "--size", "2MB") == [
        "bob@customer.test",
        "  1. sent by this server itself (--ip or --user asks for a client)",
        "  2. lan_forwarding has nothing for it",
        "  3. customer.test is not a domain of this server: the mail goes out",
        "-> outgoing queue to bob@customer.test by Direct (sender Customers)",
        "     Direct (sender Customers): line 1: Attempt: Recipient:*@customer.test; at once: a permanent line",
        "       handed to one.isp.test:587, with STARTTLS if it is offered, whose certificate must be valid",
        "     not by Hourly (sender Rest): it is larger than max_message_size, 1048576 bytes",
    ]


def test_of_several_permanent_lines_the_first_that_takes_it_is_named(explain: Any, config: Path) -> None:
    config.write_text(CONFIG.replace("{name: Hourly, sender: Rest}", "{name: Hourly, sender: Rest, immediate: true}"))
    assert explain("bob@customer.test")[-1] == "     not by Hourly (sender Rest): Direct is asked first and takes it"
    assert "-> outgoing queue to bob@else.test by Hourly (sender Rest)" in explain("bob@else.test")


def test_it_tells_that_what_no_sender_takes_for_its_size_comes_back(explain: Any, config: Path) -> None:
    config.write_text(CONFIG.replace('servers: ["one.isp.test:587"]', 'servers: ["one.isp.test:587"], max_message_size: 2MB'))
    lines = explain("bob@customer.test", "--size", "3MB")
    words = "it is larger than max_message_size, 2097152 bytes, and than any other sender takes: it comes back to its sender"
    assert f"     Direct (sender Customers): {words}; at once: a permanent line" in lines
    assert "     not by Hourly (sender Rest): it is larger than max_message_size, 1048576 bytes" in lines
    assert "by no connection" in explain("bob@far.test", "--size", "3MB")[4]


def test_it_tells_the_next_run_the_login_the_rate_and_who_takes_over(explain: Any) -> None:
    lines = explain("bob@far.test")
    assert lines[4] == "-> outgoing queue to bob@far.test by Hourly (sender Rest)"
    assert lines[5].startswith("     not by Direct (sender Customers): no line of the filter holds")
    assert lines[6].startswith("     Hourly (sender Rest): it takes all mail; with the next run by the schedule, 2")
    assert lines[6].endswith((" 03:00:00+01:00", " 03:00:00+02:00"))
    assert lines[7:] == [
        "       handed to the first that is ready of two.isp.test, three.isp.test, only with STARTTLS, whose certificate must be valid",
        "       mail of ann as ann at three.isp.test:25, two.isp.test:25",
        "       all other mail as all",
        "       while it cannot be used: by Customers",
        "       rate: 50 of 50 messages in 3600 seconds are left",
    ]


def test_it_tells_what_a_run_takes_at_most(explain: Any, config: Path) -> None:
    config.write_text(CONFIG.replace("rate: {messages: 50, per: 1h}", "leave_rest: true\n        only_waiting: true"))
    found = explain("bob@far.test")[-2:]
    assert found == ["       a run takes what waits at its start only", "       a run takes 1000 messages and 10000 recipients at most"]


def test_it_tells_which_login_the_mail_of_a_user_goes_with(explain: Any, postroom: Command) -> None:
    postroom("user", "add", "ann")
    lines = explain("bob@far.test", "--user", "ann", "--from", "ann@example.test")
    assert "       mail of ann as ann at three.isp.test:25, two.isp.test:25" in lines
    assert "       all other mail as all" not in lines


def test_it_tells_the_rule_of_lan_forwarding_without_its_password(explain: Any) -> None:
    assert explain("ann@lan.test", "--ip", "203.0.113.5")[2:] == [
        "  2. LAN forwarding rule 1 (Exchange), address *@lan.test: to fred:***@10.0.0.1 as ann@inside.test",
        "-> LAN forwarding to ann@inside.test at fred:***@10.0.0.1",
        "     sender LAN: it takes all mail; at once, whatever the schedule says",
        "       handed to 10.0.0.1, port 25, with STARTTLS if it is offered, logged in as fred",
    ]


def test_it_tells_when_a_last_resort_takes_what_nobody_has(explain: Any) -> None:
    assert explain("lost@example.test")[2:5] == [
        "  2. lan_forwarding has nothing for it",
        "  3. nothing is named lost at example.test",
        "  4. LAN forwarding rule 2 (Rest), address ~@example.test: to 10.0.0.2:2525",
    ]
    assert explain("lost@example.test", "--ip", "203.0.113.5")[-1] == "refused: 550 5.1.1 <lost@example.test> is unknown here"


def test_it_tells_a_destination_that_cannot_be_reached(explain: Any, config: Path) -> None:
    explain("bob@customer.test")
    row = {
        "sender": "Customers",
        "name": "",
        "failures": 3,
        "since": 0,
        "next_probe": 4_102_444_800_000,
        "reason": "451 4.4.1 nobody answers",
    }
    insert(config, "site", {name: row.get(name, "") for name in Site._meta.fields})
    assert (
        "       it cannot be reached since 1970-01-01 01:00:00+01:00: 451 4.4.1 nobody answers;"
        " it is not tried before 2100-01-01 01:00:00+01:00"
    ) in explain("bob@customer.test")


def test_it_tells_that_a_destination_may_be_tried_again(explain: Any, config: Path) -> None:
    explain("bob@customer.test")
    row = {"sender": "Customers", "name": "", "failures": 3, "since": 0, "next_probe": 3_600_000, "reason": "451 4.4.1 nobody answers"}
    insert(config, "site", {name: row.get(name, "") for name in Site._meta.fields})
    assert any(line.endswith("; it is tried with the next message") for line in explain("bob@customer.test"))


def test_it_tells_a_rate_that_is_used_up(explain: Any, config: Path) -> None:
    explain("bob@far.test")
    insert(config, "sent", {"id": 1, "sender": "Rest", "at": time.time_ns() // 1_000_000, "messages": 50, "recipients": 50})
    assert explain("bob@far.test")[-1].startswith("       rate: 0 of 50 messages in 3600 seconds are left; the next may go 2")


def test_it_tells_that_the_schedule_is_paused(explain: Any, postroom: Command) -> None:
    postroom("schedule", "pause")
    assert "the schedule is paused: by `postroom connect Hourly` only" in "\n".join(explain("bob@far.test"))


def test_it_tells_that_an_account_is_held(explain: Any, postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann")
    insert(config, "surge", {"account": "ann", "at": 1, "reason": "far more than ever", "released_at": 0, "allowed": 0})
    assert "     held until the administrator releases it (`postroom user release`): far more than ever" in explain(
        "bob@far.test", "--user", "ann"
    )


def test_the_json_has_it_all(explain: Any) -> None:
    (target,) = json.loads("\n".join(explain("ann@lan.test", "--json")))["targets"]
    way = target.pop("ways")[0]
    assert target == {
        "kind": "queue", "address": "ann@inside.test", "channel": "LAN", "server": "fred:***@10.0.0.1",
        "connections": ["sender LAN"], "held": None,
    }  # fmt: skip
    assert (way["connection"], way["sender"], way["takes"], way["next"]) == ("", "LAN", True, None)


def test_a_size_that_is_none_is_refused(explain: Any, postroom: Command) -> None:
    done = postroom("explain", "bob@far.test", "--size", "big")
    assert (done.status, done.err) == (1, "postroom: --size: a size above 0 is expected, such as 512KB, 10MB or 1GB\n")
