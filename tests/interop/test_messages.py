"""Messages of all kinds go in by smtplib or a socket and come out by poplib, byte for byte."""

from __future__ import annotations

import poplib
import random
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.house import House, proxied
from tests.interop.programs import BODIES, message, run, subject, wait_until

poplib._MAXLINE = 1 << 23  # type: ignore[attr-defined]  # ours may be longer than poplib expects


def mailbox(house: House, user: str = "frank", password: str = "secret") -> list[bytes]:
    """All messages of a user, read by poplib and deleted."""
    box = poplib.POP3("127.0.0.1", house.port("POP3"), timeout=20)
    box.user(user)
    box.pass_(password)
    count = box.stat()[0]
    found = [b"\r\n".join(box.retr(number)[1]) + b"\r\n" for number in range(1, count + 1)]
    for number in range(1, count + 1):
        box.dele(number)
    box.quit()
    return found


def only(house: House, user: str = "frank") -> bytes:
    """The one message of a user."""
    found = wait_until(lambda: mailbox(house, user))
    assert len(found) == 1
    return found[0]


def client(house: House, service: str = "SMTP") -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", house.port(service), "client.example", timeout=20)


def raw(house: House, service: str = "SMTP") -> tuple[socket.socket, Any]:
    """A connection after its greeting and EHLO."""
    sock = socket.create_connection(("127.0.0.1", house.port(service)), 20)
    return sock, greeted(sock)


def greeted(sock: socket.socket) -> Any:
    lines = sock.makefile("rb")
    assert lines.readline().startswith(b"220 ")
    sock.sendall(b"EHLO client.example\r\n")
    reply(lines)
    return lines


def reply(lines: Any) -> bytes:
    """One reply's last line."""
    while (line := lines.readline())[3:4] == b"-":
        pass
    return bytes(line)


@pytest.mark.parametrize("kind", BODIES)
def test_what_is_sent_is_what_is_read(house: House, kind: str) -> None:
    mail = message(BODIES[kind])
    with client(house) as smtp:
        smtp.sendmail("anna@client.example", "frank@example.test", mail)
    found = only(house)
    assert found.endswith(mail)
    assert found.removesuffix(mail).startswith(b"Return-Path: <anna@client.example>\r\nReceived: from client.example ")


def test_20_megabytes_come_through(house: House) -> None:
    line = bytes(random.Random(1).choices(b"abcdefghijklmnopqrstuvwxyz.", k=74)) + b"\r\n"
    mail = message(b"".join(b"%07d" % number + line for number in range(20_000_000 // 83)))
    with client(house) as smtp:
        smtp.sendmail("anna@client.example", "frank@example.test", mail)
    assert only(house).endswith(mail)


def test_internationalized_addresses_come_through(house: House) -> None:
    mail = message(b"x\r\n", sender="jörg@münchen.test", to="jörg@münchen.test", subject="Grüße")
    mailbox(house, "bob")
    with client(house) as smtp:
        smtp.ehlo()
        smtp.sendmail("jörg@münchen.test", ["jörg@münchen.test"], mail, ["SMTPUTF8", "BODY=8BITMIME"])
    found = wait_until(lambda: mailbox(house, "bob"))
    assert found[-1].endswith(mail)
    assert found[-1].startswith("Return-Path: <jörg@münchen.test>\r\n".encode())


def test_a_QUIT_behind_the_final_dot_is_answered(house: House) -> None:
    mail = message()
    sock, lines = raw(house)
    with sock, lines:
        sock.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<frank@example.test>\r\nDATA\r\n")
        assert [reply(lines)[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        sock.sendall(mail + b".\r\nQUIT\r\n")
        assert [reply(lines)[:3] for _ in range(2)] == [b"250", b"221"]
        assert lines.read() == b""
    assert only(house).endswith(mail)


def test_one_chunk_may_be_larger_than_every_buffer(house: House) -> None:
    mail = message(random.Random(2).randbytes(3_000_000).replace(b"\r", b"r").replace(b"\n", b"n").replace(b"\0", b"0") + b"\r\n")
    sock, lines = raw(house)
    with sock, lines:
        sock.sendall(b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<frank@example.test>\r\nBDAT %d\r\n" % (len(mail) - 1000))
        sock.sendall(mail[:-1000] + b"BDAT 1000 LAST\r\n" + mail[-1000:] + b"QUIT\r\n")
        assert [reply(lines)[:3] for _ in range(5)] == [b"250", b"250", b"250", b"250", b"221"]
    [stored] = wait_until(lambda: house.server.inbox("frank"))
    assert stored.endswith(mail)
    mailbox_is_emptied = mailbox(house)
    assert len(mailbox_is_emptied) == 1


def test_many_sessions_at_the_same_time(house: House) -> None:
    """smtp-source, the load generator that comes with Postfix."""
    target = f"127.0.0.1:{house.port('SMTP')}"
    run("smtp-source", "-s", "20", "-m", "200", "-l", "4096", "-f", "anna@client.example", "-t", "frank@example.test", target)
    assert len(house.server.wait_for_mail("frank", 200)) == 200
    assert len(mailbox(house)) == 200


def test_clients_of_a_unix_socket_are_served(house: House) -> None:
    mail = message()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(house.server.folder / "smtp.sock"))
        lines = greeted(sock)
        sock.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<frank@example.test>\r\nDATA\r\n")
        assert [reply(lines)[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        sock.sendall(mail + b".\r\n")
        assert reply(lines).startswith(b"250 ")
        lines.close()
    assert only(house).endswith(mail)


def test_a_proxy_tells_where_the_client_is(house: House) -> None:
    mail = message()
    with socket.create_connection(("127.0.0.1", house.port("smtp/null-sender")), 20) as sock:
        sock.sendall(proxied("192.0.2.99"))
        lines = greeted(sock)
        sock.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<frank@example.test>\r\nDATA\r\n")
        assert [reply(lines)[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        sock.sendall(mail + b".\r\n")
        assert reply(lines).startswith(b"250 ")
        lines.close()
    assert b"[192.0.2.99]" in only(house).removesuffix(mail)


def test_who_is_no_proxy_where_one_is_expected_gets_nothing(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.port("smtp/null-sender")), 20) as sock:
        sock.sendall(b"EHLO client.example\r\n")
        assert sock.recv(100) == b""


def test_poplib_reads_in_every_way(house: House) -> None:
    """USER and PASS, APOP, STLS, and TLS from the start."""
    insecure = ssl.create_default_context()
    insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE

    def by_user(box: poplib.POP3) -> None:
        box.user("dave")
        box.pass_("secret")

    def by_apop(box: poplib.POP3) -> None:
        box.apop("dave", "secret")

    def by_stls(box: poplib.POP3) -> None:
        box.stls(insecure)
        by_user(box)

    mail = message()
    with client(house) as smtp:
        smtp.sendmail("anna@client.example", "dave@example.test", mail)
    wait_until(lambda: house.server.inbox("dave"))
    for log_in in (by_user, by_apop, by_stls):
        box = poplib.POP3("127.0.0.1", house.port("POP3"), timeout=20)
        log_in(box)
        assert box.stat()[0] == 1
        box.quit()
    secure = poplib.POP3_SSL("127.0.0.1", house.port("POP3S"), context=insecure, timeout=20)
    by_user(secure)
    assert subject(mail) in secure.top(1, 0)[1]
    secure.dele(1)
    secure.quit()
    assert house.server.inbox("dave") == []


def test_a_maildrop_is_open_once_over_all_workers(house: House) -> None:
    boxes = [poplib.POP3("127.0.0.1", house.port("POP3"), timeout=20) for _ in range(8)]

    def log_in(box: poplib.POP3) -> str:
        try:
            box.user("erin")
            return box.pass_("secret").decode()
        except poplib.error_proto as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(log_in, boxes))
    assert sum("+OK" in answer for answer in answers) <= 1
    assert all("+OK" in answer or "[IN-USE]" in answer for answer in answers)
    for box in boxes:
        box.close()
