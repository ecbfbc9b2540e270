"""Listening sockets: what can be listened on, and what is said when it cannot."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.postfix import free_port
from postroom.binding import Address, CannotListen, Sockets, actual, open_listening, split
from postroom.config.schema import Config
from postroom.serving import drop_privileges


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("listen", "parts"), [("127.0.0.1:25", ("127.0.0.1", 25)), ("[::1]:25", ("::1", 25)), ("mail.example.test:0", ("mail.example.test", 0))]
)
def test_an_address_has_two_parts(listen: str, parts: tuple[str, int]) -> None:
    assert split(listen) == parts


def test_port_0_becomes_a_free_port(tmp_path: Path) -> None:
    with open_listening("127.0.0.1:0", tmp_path) as sock:
        port = sock.getsockname()[1]
        assert actual("127.0.0.1:0", sock) == f"127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6_is_written_with_brackets(tmp_path: Path) -> None:
    with open_listening("[::1]:0", tmp_path) as sock:
        assert actual("[::1]:0", sock) == f"[::1]:{sock.getsockname()[1]}"


def test_a_port_in_use_is_said_with_its_remedy(taken: int, tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match=f"127.0.0.1:{taken}: the port is in use; stop the other program or choose another port"):
        open_listening(f"127.0.0.1:{taken}", tmp_path)


def test_a_foreign_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match=r"this machine does not have that address; 0\.0\.0\.0 and \[::\] stand for all"):
        open_listening("192.0.2.1:0", tmp_path)


def test_a_host_without_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on nowhere\.invalid:0: .*; write an address of this machine"):
        open_listening("nowhere.invalid:0", tmp_path)


def test_a_unix_socket_is_relative_to_the_configuration(tmp_path: Path) -> None:
    with open_listening("unix:smtp.sock", tmp_path) as sock:
        assert (tmp_path / "smtp.sock").is_socket()
        assert actual("unix:smtp.sock", sock) == "unix:smtp.sock"


def test_a_unix_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    open_listening("unix:smtp.sock", tmp_path).close()
    assert (tmp_path / "smtp.sock").is_socket()
    with open_listening("unix:smtp.sock", tmp_path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "smtp.sock"))


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    with open_listening("unix:smtp.sock", tmp_path):
        with pytest.raises(CannotListen, match="in use"):
            open_listening("unix:smtp.sock", tmp_path)
        assert (tmp_path / "smtp.sock").is_socket()


def test_a_unix_socket_in_no_folder_is_said_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="its folder does not exist; make it"):
        open_listening("unix:run/smtp.sock", tmp_path)


def test_a_file_in_the_place_of_a_unix_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear aunt")
    with pytest.raises(CannotListen, match="there is something else of that name"):
        open_listening("unix:letter", tmp_path)
    assert (tmp_path / "letter").read_text() == "Dear aunt"


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="too long"):
        open_listening("unix:" + "x" * 200, tmp_path)


def test_all_sockets_are_opened_or_none(taken: int, tmp_path: Path) -> None:
    sockets = Sockets()
    addresses = [Address("smtp_server", 1, "127.0.0.1:0"), Address("smtp_server", 2, f"127.0.0.1:{taken}")]
    with pytest.raises(CannotListen):
        sockets.open(addresses, tmp_path)
    assert not sockets


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_run_as_and_gives_it_the_data(tmp_path: Path) -> None:
    """In a child: there is no way back."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.key").write_bytes(b"x")
    nobody = pwd.getpwnam("nobody")
    config = Config.model_validate({"server": {"data_dir": str(tmp_path / "data"), "run_as": "nobody"}}, context={"base": tmp_path})
    pid = os.fork()
    if pid == 0:
        drop_privileges(config)
        os._exit(0 if (os.getuid(), os.getgid(), os.geteuid()) == (nobody.pw_uid, nobody.pw_gid, nobody.pw_uid) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (tmp_path / "data" / "secrets.key").stat().st_uid == nobody.pw_uid


def test_a_port_that_moves_to_another_service_is_taken_over(tmp_path: Path) -> None:
    sockets, port = Sockets(), free_port()
    before, after = Address("smtp_server", 1, f"127.0.0.1:{port}"), Address("smtp_server", 7, f"127.0.0.1:{port}")
    sockets.open([before], tmp_path)
    sockets.open([after], tmp_path)
    sockets.keep([after], tmp_path)
    assert set(sockets) == {after}
    socket.create_connection(("127.0.0.1", port)).close()
    sockets.keep((), tmp_path)


def test_two_services_on_one_port_are_refused(tmp_path: Path) -> None:
    sockets, port = Sockets(), free_port()
    with pytest.raises(CannotListen, match="in use"):
        sockets.open([Address("smtp_server", number, f"127.0.0.1:{port}") for number in (1, 2)], tmp_path)
    assert not sockets


def test_a_unix_socket_that_moves_to_another_service_keeps_its_file(tmp_path: Path) -> None:
    sockets = Sockets()
    before, after = Address("lmtp", 1, "unix:x.sock"), Address("lmtp", 2, "unix:x.sock")
    sockets.open([before], tmp_path)
    sockets.open([after], tmp_path)
    sockets.keep([after], tmp_path)
    assert (tmp_path / "x.sock").exists()
    sockets.keep((), tmp_path)
    assert not (tmp_path / "x.sock").exists()


def test_a_unix_socket_that_may_not_be_removed_any_more_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root made it in a folder of root's, and has become somebody else since."""
    sockets = Sockets()
    sockets.open([Address("lmtp", 1, "unix:x.sock")], tmp_path)

    def refuse(*arguments: object, **more: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    sockets.keep((), tmp_path)
    assert not sockets
