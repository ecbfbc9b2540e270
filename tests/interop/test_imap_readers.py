"""Programs that fetch mail by IMAP: fetchmail, getmail and curl."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.boxes import PASSWORD, Box, box
from tests.interop.programs import BODIES, message, run, with_lf
from tests.interop.test_reading import agent, fetched

__all__ = ["box"]


@pytest.fixture
def mails(box: Box) -> list[bytes]:
    """Two messages in the INBOX."""
    mails = [message(BODIES["dots"]), message(BODIES["8 bit"])]
    box.fill("INBOX", mails)
    return mails


@pytest.mark.parametrize("tls", ["sslproto ''", "sslproto tls1.2+ no sslcertck"], ids=["clear", "STARTTLS"])
def test_fetchmail_fetches_and_deletes(box: Box, mails: list[bytes], tls: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(
        "set invisible\nset no bouncemail\n"
        f"poll 127.0.0.1 service {box.port} protocol imap\n"
        f'  user "{box.name}" password "{PASSWORD}" mda "{agent(tmp_path, tmp_path / "box")}" {tls} no rewrite\n'
    )
    rules.chmod(0o600)
    run("fetchmail", "-f", rules, "-i", tmp_path / "ids", "--pidfile", tmp_path / "pid", home=tmp_path)
    fetched(tmp_path / "box", mails)
    assert box.held() == []


def test_getmail_fetches_and_deletes(box: Box, mails: list[bytes], tmp_path: Path) -> None:
    rules = tmp_path / "getmailrc"
    rules.write_text(
        f"[retriever]\ntype = SimpleIMAPRetriever\nserver = 127.0.0.1\nport = {box.port}\nusername = {box.name}\npassword = {PASSWORD}\n"
        f"[destination]\ntype = MDA_external\npath = {agent(tmp_path, tmp_path / 'box')}\nallow_root_commands = true\n"
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n"
    )
    run("getmail", "--getmaildir", tmp_path, "--rcfile", rules, home=tmp_path)
    for file in (tmp_path / "box").iterdir():
        file.write_bytes(file.read_bytes().replace(b"X-getmail-retrieved-from-mailbox: INBOX\n", b""))
    fetched(tmp_path / "box", mails)
    assert box.held() == []


def test_curl_fetches_and_appends(box: Box, mails: list[bytes], tmp_path: Path) -> None:
    url = f"imap://{box.name};AUTH=PLAIN:{PASSWORD}@127.0.0.1:{box.port}"  # by itself it takes CRAM-MD5, for which the user has no secret
    run("curl", "-s", "-o", tmp_path / "got", f"{url}/INBOX;MAILINDEX=2")
    assert (tmp_path / "got").read_bytes() == mails[1]
    (tmp_path / "new").write_bytes(mails[0])
    run("curl", "-s", "-T", tmp_path / "new", f"{url}/Drafts")
    assert [with_lf(held.data) for held in box.held("Drafts")] == [with_lf(mails[0])]
    assert "INBOX" in run("curl", "-s", f"{url}/")
