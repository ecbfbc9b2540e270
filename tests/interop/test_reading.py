"""Foreign mail readers fetch what is in a maildrop, and it is what was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import House
from tests.interop.programs import BODIES, message, run, wait_until, with_lf
from tests.interop.test_messages import client

FETCHMAIL = {
    "USER and PASS": ("POP3", "", "sslproto ''"),
    "STLS": ("POP3", "", "sslproto tls1.2+ no sslcertck"),
    "POP3S": ("POP3S", "", "ssl no sslcertck"),
    "APOP": ("POP3", "auth password", "sslproto ''"),
}
MPOP = {
    "STLS": ("POP3", "user", "tls on\ntls_starttls on\ntls_certcheck off"),
    "POP3S": ("POP3S", "plain", "tls on\ntls_starttls off\ntls_certcheck off"),
    "APOP": ("POP3", "apop", "tls off"),
    "CRAM-MD5": ("POP3", "cram-md5", "tls off"),
    "SCRAM-SHA-256": ("POP3", "scram-sha-256", "tls off"),
}


@pytest.fixture
def mails(house: House) -> list[bytes]:
    """Two messages in Dave's maildrop."""
    house.server.empty("dave")
    mails = [message(BODIES["dots"]), message(BODIES["8 bit"])]
    with client(house) as smtp:
        for mail in mails:
            smtp.sendmail("anna@client.example", "dave@example.test", mail)
    return mails


def agent(folder: Path, box: Path) -> Path:
    """A program that puts what it is given into a file of its own in ``box``."""
    box.mkdir()
    script = folder / "deliver"
    script.write_text(f'#!/bin/sh\nexec cat > "$(mktemp {box}/XXXXXX)"\n')
    script.chmod(0o755)
    return script


def fetched(folder: Path, mails: list[bytes]) -> None:
    """Each message is in a file of the folder, whatever lines the reader put on top."""
    files = [with_lf(file.read_bytes()) for file in folder.iterdir()]
    assert len(files) == len(mails)
    for mail in mails:
        assert any(file.endswith(with_lf(mail)) for file in files), f"{mail!r}\nis not among\n{files!r}"


def nothing_left(house: House) -> None:
    """The reader has deleted what it fetched."""
    wait_until(lambda: not house.server.inbox("dave"))


@pytest.mark.parametrize("way", FETCHMAIL)
def test_fetchmail_reads(house: House, mails: list[bytes], way: str, tmp_path: Path) -> None:
    service, auth, tls = FETCHMAIL[way]
    protocol = "apop" if way == "APOP" else "pop3"
    box = tmp_path / "box"
    rules = tmp_path / "rules"
    rules.write_text(
        f"set invisible\nset no bouncemail\npoll 127.0.0.1 service {house.port(service)} protocol {protocol} {auth}\n"
        f'  user "dave" password "secret" mda "{agent(tmp_path, box)}" {tls} no rewrite\n'
    )
    rules.chmod(0o600)
    run("fetchmail", "-f", rules, "-i", tmp_path / "ids", "--pidfile", tmp_path / "pid", home=tmp_path)
    fetched(box, mails)
    nothing_left(house)


@pytest.mark.parametrize("way", MPOP)
def test_mpop_reads(house: House, mails: list[bytes], way: str, tmp_path: Path) -> None:
    service, auth, tls = MPOP[way]
    for name in ("cur", "new", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    rules = tmp_path / "rules"
    rules.write_text(
        f"account x\nhost 127.0.0.1\nport {house.port(service)}\nuser dave\npassword secret\nauth {auth}\n{tls}\n"
        f"keep off\nreceived_header off\nuidls_file {tmp_path}/uidls\ndelivery maildir {tmp_path}/box\n"
    )
    rules.chmod(0o600)
    run("mpop", "-C", rules, "x", home=tmp_path)
    fetched(tmp_path / "box" / "new", mails)
    nothing_left(house)


@pytest.mark.parametrize(("service", "retriever"), [("POP3", "SimplePOP3Retriever"), ("POP3S", "SimplePOP3SSLRetriever")])
def test_getmail_reads(house: House, mails: list[bytes], service: str, retriever: str, tmp_path: Path) -> None:
    box = tmp_path / "box"
    rules = tmp_path / "getmailrc"
    rules.write_text(
        f"[retriever]\ntype = {retriever}\nserver = 127.0.0.1\nport = {house.port(service)}\nusername = dave\npassword = secret\n"
        f"[destination]\ntype = MDA_external\npath = {agent(tmp_path, box)}\nallow_root_commands = true\n"
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n"
    )
    run("getmail", "--getmaildir", tmp_path, "--rcfile", rules, home=tmp_path)
    fetched(box, mails)
    nothing_left(house)
