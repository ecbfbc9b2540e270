"""The server as a whole: starting, reloading, replacing workers, stopping, and refusing to start; each on a real process."""

from __future__ import annotations

import contextlib
import os
import poplib
import pwd
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.postfix import free_port
from tests.server import Server, environment, serving

SECONDS = 20.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with one worker and the user bob."""
    with serving(tmp_path, {}, {"bob": "secret"}) as server:
        yield server


def client(port: int) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", port, "client.example", timeout=SECONDS)


def deliver(port: int, to: str = "bob@example.test") -> None:
    with client(port) as smtp:
        smtp.sendmail("anna@client.example", to, b"Subject: x\r\n\r\nx\r\n")


def smtp_on(*ports: int) -> dict[str, Any]:
    """Changes: SMTP services on these ports and nothing else."""
    services = [{"id": number, "name": f"SMTP {port}", "listen": [f"127.0.0.1:{port}"]} for number, port in enumerate(ports, 1)]
    return {"plugins": {"smtp_server": {"services": services}, "pop3_server": None}}


def reload(server: Server) -> None:
    """SIGHUP, and wait until the new workers are ready."""
    server.output.clear()
    server.signal(signal.SIGHUP)
    server.wait_for_line("ready")


def try_to_reload(server: Server) -> None:
    """SIGHUP, and wait until it is done or refused."""
    server.output.clear()
    server.signal(signal.SIGHUP)
    deadline = time.monotonic() + SECONDS
    while "ready" not in server.output and "reload.refused" not in server.log:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait_for(what: Any, seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def refused_start(folder: Path, changes: dict[str, Any]) -> str:
    """What ``serve`` says with such a configuration; it must end by itself with status 1 and one line."""
    server = Server(folder)
    server.configure(changes)
    return refusal(server)


def refusal(server: Server) -> str:
    command = [sys.executable, "-m", "postroom", "serve", "-c", str(server.config)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=server.folder, timeout=60)
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


# --- reloading


def test_a_reload_changes_ports_and_cuts_no_session(tmp_path: Path) -> None:
    first, second, both = free_port(), free_port(), free_port()
    with serving(tmp_path, smtp_on(first, both), {"bob": "secret"}) as server:
        session = client(first)
        session.ehlo()
        session.mail("anna@client.example")
        server.configure(smtp_on(second, both))
        reload(server)
        session.rcpt("bob@example.test")
        assert session.data(b"Subject: x\r\n\r\nx\r\n")[0] == 250
        deliver(second)
        deliver(both)
        with pytest.raises(ConnectionRefusedError):
            client(first)
        old = set(server.workers())
        session.quit()
        wait_for(lambda: len(server.workers()) == 1 and set(server.workers()) < old)
        assert len(server.inbox("bob")) == 3


def test_settings_that_would_do_nothing_are_noted_in_the_log_at_each_start_and_reload(server: Server) -> None:
    relay = {"smtp_relay": {"name": "Relay", "servers": ["127.0.0.1:9"], "only_waiting": True}}
    server.configure({"plugins": relay, "connections": [{"name": "Internet", "sender": "Relay", "immediate": True}]})
    reload(server)
    assert "plugins.smtp_relay.only_waiting: note: is for runs" in server.log


def test_a_reload_changes_the_number_of_workers(server: Server) -> None:
    before = server.workers()
    server.configure({"server": {"workers": 3}})
    reload(server)
    wait_for(lambda: len(server.workers()) == 3 and not set(before) & set(server.workers()))
    assert "worker.died" not in server.log


def test_no_connection_is_lost_while_the_server_reloads_again_and_again(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, smtp_on(port), {"bob": "secret"}) as server:
        for _ in range(3):
            server.output.clear()
            server.signal(signal.SIGHUP)
            sent = 0
            while "ready" not in server.output or sent < 5:
                deliver(port)
                sent += 1
        assert "connection.broken" not in server.log


def test_a_wrong_new_configuration_keeps_the_old_one_running(server: Server) -> None:
    before = server.workers()
    server.config.write_text(server.config.read_text().replace("data_dir", "date_dir"))
    server.signal(signal.SIGHUP)
    server.wait_for_log("reload.refused")
    assert "data_dir" in server.log  # the name that was meant
    deliver(server.ports["SMTP"])
    assert server.workers() == before


def test_a_port_in_use_keeps_the_old_configuration_running(server: Server) -> None:
    before = server.workers()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server.configure(smtp_on(free_port(), port))
        server.signal(signal.SIGHUP)
        server.wait_for_log("reload.refused")
    assert f"127.0.0.1:{port}: the port is in use" in server.log
    deliver(server.ports["SMTP"])
    assert server.workers() == before


def test_reloads_are_refused_when_too_many_old_workers_are_still_needed(server: Server) -> None:
    with contextlib.ExitStack() as clients:
        sessions = []
        while "reload again when some have ended" not in server.log:
            assert len(sessions) < 30, "eight slots were never full"  # a worker that is just retiring may take one more
            sessions.append(clients.enter_context(client(server.ports["SMTP"])))
            try_to_reload(server)
        assert all(session.noop()[0] == 250 for session in sessions)
        deliver(server.ports["SMTP"])


def test_the_file_of_a_unix_socket_goes_with_its_service(tmp_path: Path) -> None:
    service = {"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0", "unix:smtp.sock"]}
    with serving(tmp_path, {"plugins": {"smtp_server": {"services": [service]}}}) as server:
        assert (tmp_path / "smtp.sock").is_socket()
        server.configure({"plugins": {"smtp_server": {"services": [{**service, "listen": ["127.0.0.1:0"]}]}}})
        reload(server)
        assert not (tmp_path / "smtp.sock").exists()


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_bounded_time(server: Server, number: int) -> None:
    session = client(server.ports["SMTP"])
    session.ehlo()
    workers = server.workers()
    began = time.monotonic()
    server.signal(number)
    assert server.process is not None
    assert server.process.wait(SECONDS) == 0
    assert time.monotonic() - began < 6
    assert session.getreply()[0] == 421
    session.close()
    assert all(gone(pid) for pid in workers)


def test_a_client_in_the_middle_of_a_message_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with serving(tmp_path, {"server": {"stop_timeout": "1s"}}, {"bob": "secret"}) as server:
        session = client(server.ports["SMTP"])
        session.ehlo()
        session.mail("anna@client.example")
        session.rcpt("bob@example.test")
        assert session.docmd("DATA")[0] == 354
        session.send(b"Subject: x\r\n")
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 6
        session.close()
        assert server.inbox("bob") == []


def test_sessions_and_deliveries_that_hang_share_the_time_of_the_stop(tmp_path: Path) -> None:
    """One after the other they would take longer than the supervisor waits, and what is known of deliveries would be lost."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        relay = {"senders": [{"name": "Relay", "servers": [f"127.0.0.1:{silent.getsockname()[1]}"], "encryption": "none"}]}
        changes = {
            "server": {"stop_timeout": "3s"},
            "plugins": {"smtp_relay": relay},
            "connections": [{"name": "Internet", "sender": "Relay", "default": True, "immediate": True}],
        }
        with serving(tmp_path, changes, {"bob": "secret"}) as server:
            deliver(server.ports["SMTP"], "joe@far.test")
            silent.settimeout(SECONDS)
            peer, _ = silent.accept()
            session = client(server.ports["SMTP"])
            session.ehlo()
            session.mail("anna@client.example")
            session.rcpt("bob@example.test")
            assert session.docmd("DATA")[0] == 354
            assert server.stop() == 0
            assert "worker.killed" not in server.log
            session.close()
            peer.close()


def test_a_stop_is_obeyed_while_the_server_still_starts(tmp_path: Path) -> None:
    """The database takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server(tmp_path)
        server.configure({"database": {"url": f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x"}})
        command = [sys.executable, "-m", "postroom", "serve", "-c", str(server.config)]
        process = subprocess.Popen(command, env=environment(), cwd=tmp_path, stderr=subprocess.DEVNULL)
        silent.settimeout(SECONDS)
        peer, _ = silent.accept()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        peer.close()


def test_workers_do_not_outlive_the_supervisor(server: Server) -> None:
    workers = server.workers()
    assert server.process is not None
    server.process.kill()
    wait_for(lambda: all(gone(pid) for pid in workers))


# --- workers


def test_a_killed_worker_is_replaced(server: Server) -> None:
    [first] = server.workers()
    os.kill(first, signal.SIGKILL)
    deliver(server.ports["SMTP"])  # waits in the listening socket until the new one is there
    [second] = server.workers()
    assert first != second
    assert "worker.died" in server.log


def test_a_maildrop_that_was_open_in_a_killed_worker_is_free_again(server: Server) -> None:
    box = poplib.POP3("127.0.0.1", server.ports["POP3"], timeout=SECONDS)
    box.user("bob")
    box.pass_("secret")
    [pid] = server.workers()
    os.kill(pid, signal.SIGKILL)
    again = poplib.POP3("127.0.0.1", server.ports["POP3"], timeout=SECONDS)
    again.user("bob")
    again.pass_("secret")
    again.quit()
    box.close()


def test_reloads_and_deaths_leave_nothing_open_in_the_supervisor(server: Server) -> None:
    assert server.process is not None
    files = Path(f"/proc/{server.process.pid}/fd")
    reload(server)
    wait_for(lambda: len(server.workers()) == 1)
    before = len(list(files.iterdir()))
    for _ in range(3):
        reload(server)
        wait_for(lambda: len(server.workers()) == 1)
        [pid] = server.workers()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: server.workers() not in ([], [pid]))
    wait_for(lambda: len(list(files.iterdir())) <= before)


def test_the_supervisor_has_one_thread(server: Server) -> None:
    """A process that forks must not have threads, which the hub would bring."""
    assert server.process is not None
    assert len(list(Path(f"/proc/{server.process.pid}/task").iterdir())) == 1


def test_a_user_who_is_added_while_the_server_runs_can_receive_and_log_in_at_once(server: Server) -> None:
    server.add_user("carol", "new password")
    deliver(server.ports["SMTP"], "carol@example.test")
    box = poplib.POP3("127.0.0.1", server.ports["POP3"], timeout=SECONDS)
    box.user("carol")
    box.pass_("new password")
    assert box.stat()[0] == 1
    box.quit()


def test_a_user_who_is_removed_while_the_server_runs_is_refused_soon(server: Server) -> None:
    server.run("user", "remove", "bob")

    def refused() -> bool:
        with client(server.ports["SMTP"]) as smtp:
            smtp.ehlo()
            smtp.mail("anna@client.example")
            return smtp.rcpt("bob@example.test")[0] == 550

    wait_for(refused, 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_run_as(request: pytest.FixtureRequest) -> None:
    nobody = pwd.getpwnam("nobody")
    if not all(os.stat(parent).st_mode & 1 for parent in [Path(sys.executable).resolve().parent, *Path(sys.executable).resolve().parents]):
        pytest.skip("nobody may not read this Python")
    with tempfile.TemporaryDirectory(prefix="postroom-") as folder:
        Path(folder).chmod(0o755)
        with serving(Path(folder), {"server": {"run_as": "nobody"}}, {"bob": "secret"}) as server:
            assert server.process is not None
            for pid in (server.process.pid, *server.workers()):
                [uids] = [line.split()[1:] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:")]
                assert set(uids) == {str(nobody.pw_uid)}
            deliver(server.ports["SMTP"])
            reload(server)
            deliver(server.ports["SMTP"])
            owners = {path.stat().st_uid for path in (server.folder / "data").rglob("*")}
            assert owners == {nobody.pw_uid}


# --- refusing to start


def test_a_second_server_on_the_same_data_is_refused(server: Server) -> None:
    assert server.process is not None
    assert f"a server is already running with this data directory (process {server.process.pid})" in refusal(server)
    deliver(server.ports["SMTP"])


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: the port is in use" in refused_start(tmp_path, smtp_on(free_port(), port))


def test_an_unreachable_database_is_one_clear_line(tmp_path: Path) -> None:
    words = refused_start(tmp_path, {"database": {"url": f"postgresql://x:secret@127.0.0.1:{free_port()}/x"}})
    assert "Connection refused" in words
    assert "secret" not in words


def test_a_database_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postroom.db").write_bytes(b"This is a letter to my aunt.\n" * 100)
    assert "not a database" in refused_start(tmp_path, {})


def test_a_newer_schema_is_one_clear_line(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.configure({})
    server.run("db", "migrate")
    newer(tmp_path / "data" / "postroom.db")
    assert "newer" in refusal(server)


def newer(path: Path) -> None:
    """Say that a migration of the future has been there."""
    with sqlite3.connect(path) as database:
        [table] = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "migrat" in name]
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        last = database.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1").fetchone()
        values = ["9999_future" if isinstance(value, str) and value[:1] == "0" else value for value in last]
        values = [9999 if name == "id" else value for name, value in zip(columns, values, strict=True)]
        database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", values)
    database.close()


def test_a_data_directory_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert "data directory" in refused_start(tmp_path, {})


def test_the_path_of_the_data_directory_may_be_longer_than_that_of_a_socket(tmp_path: Path) -> None:
    """A Unix socket's path has 107 bytes at most."""
    with serving(tmp_path, {"server": {"data_dir": "./" + "/".join(["long-name-of-a-folder"] * 6)}}) as server:
        server.add_user("carol")
        deliver(server.ports["SMTP"], "carol@example.test")
