"""The commands, run in this process against a store of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.cli.main import COMMANDS, run
from postroom.ids import new_id, text
from postroom.queue import marks
from postroom.store.traces import record
from tests.cli.conftest import Command, opened
from tests.server import environment

# --- routes, traces, queue, schema


def test_explain_tells_the_mailbox_and_the_reasons(postroom: Command) -> None:
    postroom("user", "add", "ann")
    postroom("alias", "add", "sales", "ann")
    result = json.loads(postroom("explain", "sales@example.test", "--json").out)
    assert result["targets"] == [{"kind": "mailbox", "user": "ann", "folder": "INBOX"}]
    assert any("mapping" in reason for reason in result["reasons"])
    assert "-> mailbox ann, folder INBOX\n" in postroom("explain", "sales").out


def test_explain_tells_the_connection_of_mail_that_leaves(postroom: Command) -> None:
    out = postroom("explain", "x@elsewhere.test").out
    assert "-> outgoing queue to x@elsewhere.test by Internet (sender Relay)\n" in out


def test_explain_tells_a_stranger_that_relaying_is_denied(postroom: Command) -> None:
    out = postroom("explain", "x@elsewhere.test", "--ip", "203.0.113.5").out
    assert "refused: 550 5.7.1 Relaying not allowed! Bad sender IP address\n" in out
    assert "->" not in out


def test_explain_lets_a_user_and_a_no_auth_address_send_anywhere(postroom: Command) -> None:
    postroom("user", "add", "ann")
    assert "-> outgoing queue" in postroom("explain", "x@elsewhere.test", "--ip", "203.0.113.5", "--user", "ann").out
    assert "-> outgoing queue" in postroom("explain", "x@elsewhere.test", "--ip", "127.0.0.1").out


def test_explain_refuses_a_user_who_may_not_send_outside(postroom: Command) -> None:
    postroom("user", "add", "ann")
    postroom("user", "set", "ann", "internet=no")
    out = postroom("explain", "x@elsewhere.test", "--user", "ann").out
    assert "sent by the user ann, who may not send to other servers\n" in out
    assert "refused: 550 5.7.1 Your account may not send mail to other servers\n" in out


def test_explain_tells_that_nobody_has_the_address(postroom: Command) -> None:
    assert "refused: 550 5.1.1" in postroom("explain", "nobody@example.test").out


@pytest.mark.parametrize(
    "arguments", [("a b@c",), ("x@y.test", "--ip", "1.2.3"), ("x@y.test", "--user", "nobody"), ("x@y.test", "--from", "@")]
)
def test_explain_refuses_what_makes_no_sense(postroom: Command, arguments: tuple[str, ...]) -> None:
    done = postroom("explain", *arguments)
    assert done.status == 1
    assert done.err.startswith("postroom: ")


def test_trace_tells_the_life_of_a_message(postroom: Command, config: Path) -> None:
    postroom("db", "migrate")
    number = new_id()
    database = opened(config)
    database.write(lambda tx: record(tx, number, 1_700_000_000_000, "accepted", {"sender": "a@b.test"}))
    database.close()
    assert postroom("trace", text(number)).out == "2023-11-14 22:13:20.000Z  accepted      sender=a@b.test\n"
    assert json.loads(postroom("trace", text(number), "--json").out)[0]["event"] == "accepted"


def test_trace_tells_each_recipient_on_a_line_with_the_way_that_was_taken(postroom: Command, config: Path) -> None:
    postroom("db", "migrate")
    number = new_id()
    how = "by Other, because Relay could not be used (nobody answers)"
    to = [
        {"rcpt": "joe@far.test", "reply": "250 Ok", "server": "mx.far.test:25", "how": how},
        {"rcpt": "ann@far.test", "reply": "451 Later", "server": "", "next": 1_700_000_060_000},
    ]
    database = opened(config)
    database.write(lambda tx: record(tx, number, 1_700_000_000_000, "delivered", {"to": to}))
    database.close()
    assert postroom("trace", text(number)).out.splitlines() == [
        "2023-11-14 22:13:20.000Z  delivered",
        f"    joe@far.test: 250 Ok; server=mx.far.test:25; how={how}",
        "    ann@far.test: 451 Later; next=2023-11-14 22:14:20.000Z",
    ]


@pytest.mark.parametrize("trace", ["nonsense", "0000000000000"])
def test_trace_of_nothing_is_a_failure(postroom: Command, trace: str) -> None:
    assert postroom("trace", trace).status == 1


def test_connect_wants_a_connection_of_that_name(postroom: Command) -> None:
    assert postroom("connect").out == "connection Internet runs when the server starts\n"
    assert postroom("connect", "Internt").err == "postroom: there is no connection Internt, did you mean Internet?\n"


def test_the_schema_is_migrated_once(postroom: Command) -> None:
    assert postroom("db", "status").out.startswith("pending 0001_first")
    assert postroom("db", "migrate").out.startswith("applied 0001_first")
    assert postroom("db", "migrate").out == "the schema is up to date\n"
    assert json.loads(postroom("db", "status", "--json").out)["pending"] == []


# --- configuration and plugins


def test_check_says_that_all_is_well(postroom: Command) -> None:
    assert postroom("check").out == "configuration is valid\n"


def test_check_prints_every_problem_on_standard_error(postroom: Command, config: Path) -> None:
    config.write_text("server: {hostnam: x}\ndatabase: {pool: 0}\n")
    done = postroom("check")
    assert done.status == 1
    assert done.err.splitlines() == [
        f"{config}:1:10: server.hostnam: unknown key, did you mean hostname?",
        f"{config}:2:18: database.pool: must be at least 1",
    ]


def test_check_tells_every_problem_as_json_too(postroom: Command, config: Path) -> None:
    config.write_text("server: {hostnam: x}\n")
    done = postroom("check", "--json")
    problem = {"file": str(config), "line": 1, "column": 10, "path": "server.hostnam", "message": "unknown key, did you mean hostname?"}
    assert (done.status, json.loads(done.out)) == (1, {"valid": False, "problems": [problem], "notes": []})
    assert len(done.err.splitlines()) == 1


IDLE_LINE = """plugins:
  smtp_relay: {senders: [{name: One, servers: ["127.0.0.1:9"]}]}
connections:
  - {name: First, sender: One, immediate: true}
  - {name: Second, sender: One, immediate: true}
"""


def test_check_notes_what_would_do_nothing_and_finds_the_configuration_valid(postroom: Command, config: Path) -> None:
    config.write_text(IDLE_LINE)
    done = postroom("check")
    assert (done.status, done.out) == (0, "configuration is valid\n")
    assert done.err.startswith(f"{config}:5:44: connections[1].immediate: note: nothing would leave by it: First comes first")


def test_check_compiles_the_lua_scripts(postroom: Command, config: Path) -> None:
    scripts = config.parent / "lua_scripts"
    scripts.mkdir()
    (scripts / "smtp.lua").write_text("function greet()\n  return = 1\nend\n")
    done = postroom("check")
    assert done.status == 1
    assert done.err.startswith(f"{scripts / 'smtp.lua'}:2:1: lua: ")


def test_the_json_schema_holds_the_sections_of_plugins(postroom: Command) -> None:
    schema = json.loads(postroom("check", "--schema").out)
    plugins = schema["$defs"]["Config"]["properties"]["plugins"]["properties"]
    assert {"smtp_server", "pop3_server", "local_delivery", "smtp_relay", "metrics"} <= set(plugins)
    assert schema["$ref"] == "#/$defs/Config"


def test_plugins_are_listed_with_where_they_are_from(postroom: Command) -> None:
    listed = {item["name"]: item for item in json.loads(postroom("plugins", "list", "--json").out)}
    assert listed["local_delivery"]["enabled"]
    assert not listed["metrics"]["enabled"]
    assert "postroom_metrics" in listed["metrics"]["source"]


def test_the_hooks_are_printed_with_who_answers(postroom: Command) -> None:
    hooks = json.loads(postroom("plugins", "hooks", "--json").out)
    assert hooks["route"] == ["local_delivery"]
    assert hooks["check_message"] == []


def test_a_new_plugin_passes_its_own_tests(postroom: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert postroom("plugins", "new", "digest").status == 0
    assert postroom("plugins", "new", "digest").status == 1
    folder = tmp_path / "postroom_digest"
    paths = environment() | {"PYTHONPATH": environment()["PYTHONPATH"] + f":{folder}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=paths, cwd=folder)
    assert "2 passed" in done.stdout, done.stdout


def test_a_new_plugin_can_be_switched_on(postroom: Command, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    postroom("plugins", "new", "blocklist")
    monkeypatch.syspath_prepend(tmp_path / "postroom_blocklist")
    config.write_text("plugins: {blocklist: {refused: [spam@example.net]}}")
    assert json.loads(postroom("plugins", "hooks", "--json").out)["check_sender"] == ["blocklist"]


@pytest.mark.parametrize("name", ["Digest", "my-plugin", "1st", "../x", ""])
def test_a_plugin_cannot_have_such_a_name(postroom: Command, name: str) -> None:
    assert postroom("plugins", "new", name).status == 1


# --- files


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_before_the_first_start_belongs_to_the_user_of_the_server(postroom: Command, config: Path) -> None:
    config.write_text("server: {run_as: nobody}")
    assert postroom("user", "add", "ann").status == 0
    assert {path.owner() for path in (config.parent / "data", *(config.parent / "data").rglob("*"))} == {"nobody"}


def test_a_user_of_the_server_who_does_not_exist_is_a_wrong_configuration(postroom: Command, config: Path) -> None:
    config.write_text("server: {run_as: no-such-user}")
    done = postroom("db", "migrate")
    assert done.status == 1
    assert f"{config}:1:18: server.run_as: there is no user or group no-such-user" in done.err


def test_a_command_leaves_what_others_make_as_it_is(postroom: Command) -> None:
    before = os.umask(0o027)
    try:
        assert postroom("user", "list").status == 0
    finally:
        after = os.umask(before)
    assert after == 0o027


def test_what_commands_make_is_private(postroom: Command, config: Path) -> None:
    postroom("user", "add", "ann")
    assert (config.parent / "data" / "postroom.db").stat().st_mode & 0o077 == 0


# --- the command line itself


def test_every_command_has_help(postroom: Command) -> None:
    for name in COMMANDS:
        done = postroom(name, "--help")
        assert done.status == 0
        assert "--config" in done.out


def test_wrong_usage_is_exit_status_2(postroom: Command) -> None:
    assert run(["nonsense"]) == 2
    assert run(["user", "add"]) == 2
    assert run(["user", "list", "--nonsense"]) == 2


def test_the_configuration_may_stand_before_the_command_and_in_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-c", str(config), "check"]) == 0
    assert run(["user", "-c", str(config), "list"]) == 0
    monkeypatch.setenv("POSTROOM_CONFIG", str(config))
    assert run(["check"]) == 0
    capsys.readouterr()


def test_a_missing_configuration_is_one_line_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["user", "list", "-c", str(tmp_path / "no.yaml")]) == 1
    assert capsys.readouterr().err.endswith(
        "the configuration cannot be read: No such file or directory (choose another with --config FILE)\n"
    )


def test_a_database_that_does_not_answer_is_one_line(postroom: Command, config: Path) -> None:
    config.write_text('database: {url: "postgresql://nobody@127.0.0.1:1/none"}')
    done = postroom("user", "list")
    assert done.status == 1
    assert done.err.startswith("postroom: the database is not available: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_a_newer_schema_is_refused_with_a_remedy(postroom: Command, config: Path) -> None:
    postroom("db", "migrate")
    database = opened(config)
    (table,) = [row[0] for row in database.read(lambda tx: tx.execute("SELECT name FROM sqlite_master WHERE name LIKE '%migration%'"))][:1]
    database.write(lambda tx: tx.execute(f"INSERT INTO {table} (name, applied) VALUES ('9999_future', '2030-01-01')"))
    database.close()
    done = postroom("user", "list")
    assert done.status == 1
    assert "newer" in done.err


def test_a_fault_of_our_own_shows_a_traceback_only_with_debug(postroom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.store.accounts.Accounts.list", lambda self: 1 / 0)
    assert "Traceback" not in postroom("user", "list").err
    assert "Traceback" in postroom("user", "list", "--debug").err


def test_help_works_as_a_module_and_loads_nothing_that_takes_long() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "postroom", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"pydantic", "yaml", "peewee", "psycopg", "cryptography", "dns", "lupa"}


def test_a_schedule_that_a_file_pauses_says_which_file_to_remove(postroom: Command, config: Path) -> None:
    (config.parent / "data").mkdir(exist_ok=True)
    (config.parent / "data" / "CONNECT.PAUSE").touch()
    assert "paused by the file CONNECT.PAUSE: only" in postroom("schedule", "list").out
    assert f"{config.parent / 'data' / 'CONNECT.PAUSE'} is there: remove it\n" in postroom("schedule", "resume").out


def test_the_schedule_tells_what_cancels_others(postroom: Command, config: Path) -> None:
    config.write_text(config.read_text() + "schedule:\n  - {name: Quiet, connect: deny, days: sun}\n")
    assert postroom("schedule", "list").out.splitlines()[1].split() == ["Quiet", "deny", "sun", "yes", "cancels", "others"]


def test_the_schedule_is_listed_paused_and_resumed(postroom: Command, config: Path) -> None:
    config.write_text(config.read_text() + "schedule:\n  - {name: Office, every: 5m, between: 09:00-17:00, days: weekdays}\n")
    listed = postroom("schedule", "list").out
    assert "every 5m, 09:00-17:00, mon tue wed thu fri" in listed
    assert postroom("schedule", "pause").status == 0
    assert "paused: only `postroom connect` and the file CONNECT.NOW run connections" in postroom("schedule", "list").out
    assert postroom("schedule", "resume").out == "the schedule goes on\n"
    assert "paused" not in postroom("schedule", "list").out


def test_a_connection_that_is_wanted_again_while_it_runs_is_said_to_run(postroom: Command, config: Path) -> None:
    postroom("connect", "Internet")
    db = opened(config)
    (mark,) = db.read(marks.wishes)
    db.write(lambda tx: marks.begin(tx, mark, 2))
    db.close()
    assert "connection Internet is running (postroom connect)" in postroom("schedule", "list").out
    postroom("connect", "Internet")
    assert "connection Internet is running, and runs again after that (postroom connect)" in postroom("schedule", "list").out


def test_connect_all_wants_every_connection(postroom: Command) -> None:
    assert postroom("connect", "--all").out == "connection Internet runs when the server starts\n"
    assert "connection Internet is waiting (postroom connect)" in postroom("schedule", "list").out
