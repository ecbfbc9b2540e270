"""mbsync keeps a maildir and an account alike: a thousand messages, changes on both sides, nothing lost and nothing doubled."""

from __future__ import annotations

import imaplib
import random
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.boxes import PASSWORD, Box, box
from tests.interop.programs import message, run
from tests.interop.test_imaplib import good

__all__ = ["box"]

COUNT = 1000
RULES = """\
FSync no

IMAPAccount far
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account far

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Archive Sent
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""
LETTERS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft", "T": "\\Deleted"}
State = dict[bytes, frozenset[str]]  # message → flags


class Maildir:
    """The near side."""

    def __init__(self, folder: Path, box: Box) -> None:
        self.folder = folder
        self.rules = folder / "rules"
        (folder / "mail").mkdir()
        self.rules.write_text(RULES.format(port=box.port, user=box.name, password=PASSWORD, folder=folder))

    def sync(self) -> str:
        """Run mbsync once; what it says. It need not wait for the next second (-Tz): nobody else changes its side meanwhile."""
        return run("mbsync", "-Tz", "-c", self.rules, "-V", "all", home=self.folder)

    def files(self, name: str) -> list[Path]:
        """The messages of a folder, in the order of their UIDs."""
        found = [file for kind in ("cur", "new") for file in (self.folder / "mail" / name / kind).glob("*")]
        return sorted(found, key=lambda file: int((re.search(r",U=(\d+)", file.name) or ["", "0"])[1]))

    def state(self, name: str) -> State:
        """What is in a folder."""
        files = self.files(name)
        found = {content(file.read_bytes()): frozenset(LETTERS[letter] for letter in letters(file)) for file in files}
        assert len(found) == len(files), "a message is there twice"
        return found

    def add(self, name: str, mails: Iterable[bytes]) -> None:
        """New messages, as a program writes them."""
        for number, mail in enumerate(mails):
            (self.folder / "mail" / name / "new" / f"1788256800.{number}_1.here").write_bytes(mail.replace(b"\r\n", b"\n"))


def letters(file: Path) -> str:
    return file.name.partition(":2,")[2]


def flagged(file: Path, add: str) -> None:
    """Give a file more flags."""
    base = file.name.partition(":2,")[0]
    file.rename(file.parent.parent / "cur" / f"{base}:2,{''.join(sorted({*letters(file), *add}))}")


def moved(file: Path, target: Path) -> None:
    """Move a file to another folder, as mail programs do: it is a new message there."""
    base, _, flags = file.name.partition(":2,")
    file.rename(target / "cur" / f"{re.sub(r',U=[0-9]+', '', base)}:2,{flags}")


def content(mail: bytes) -> bytes:
    """A message with LF, without the line by which mbsync finds again what it has just stored."""
    return re.sub(rb"(?m)^X-TUID: .*\n", b"", mail.replace(b"\r\n", b"\n"), count=1)


def far(box: Box, name: str) -> State:
    """What is in a folder of the account."""
    held = box.held(name)
    found = {content(one.data): one.flags for one in held}
    assert len(found) == len(held), "a message is there twice"
    return found


def mails(count: int, kind: str = "far") -> list[bytes]:
    """So many different messages."""
    return [message(b"%d\r\n" % number * (number % 50 + 1) + b"\xff\xfe 8 bit\r\n", subject=f"{kind} {number}") for number in range(count)]


def change_far(box: Box) -> None:
    """Flags, moves and deletions on the server."""
    with imaplib.IMAP4("127.0.0.1", box.port, timeout=20) as imap:
        good(imap.login(box.name, PASSWORD))
        good(imap.select())
        good(imap.uid("STORE", "1:100", "+FLAGS.SILENT", "(\\Flagged)"))
        good(imap.uid("STORE", "101:150", "FLAGS.SILENT", "(\\Answered \\Seen)"))
        good(imap.uid("MOVE", "151:250", "Archive"))
        good(imap.uid("STORE", "251:350", "+FLAGS.SILENT", "(\\Deleted)"))
        good(imap.uid("EXPUNGE", "251:350"))
        for mail in mails(20, "new far"):
            good(imap.append("INBOX", "", '"01-Oct-2026 10:00:00 +0000"', mail))


def change_near(maildir: Maildir) -> None:
    """The same to other messages here."""
    files = maildir.files("INBOX")
    for file in files[400:500]:
        flagged(file, "S")
    for file in files[500:550]:
        flagged(file, "RF")
    for file in files[550:650]:
        moved(file, maildir.folder / "mail" / "Archive")
    for file in files[650:750]:
        file.unlink()
    maildir.add("INBOX", mails(20, "new near"))


@pytest.fixture
def maildir(box: Box, tmp_path: Path) -> Maildir:
    """A thousand messages on the server, and all of them here."""
    box.fill("INBOX", mails(COUNT))
    box.fill("Archive", mails(3, "old"))
    maildir = Maildir(tmp_path, box)
    maildir.sync()
    return maildir


def test_mbsync_brings_both_sides_together(box: Box, maildir: Maildir) -> None:
    assert maildir.state("INBOX") == dict.fromkeys(map(content, mails_of(box)), frozenset())
    change_far(box)
    change_near(maildir)
    maildir.sync()
    maildir.sync()  # what one side got in the first run, the other may have to hear of
    for name, count in (("INBOX", COUNT - 400 + 40), ("Archive", 3 + 200), ("Sent", 0)):
        assert maildir.state(name) == far(box, name)
        assert len(far(box, name)) == count
    settled = [box.held(name) for name in ("INBOX", "Archive")]
    maildir.sync()
    assert [box.held(name) for name in ("INBOX", "Archive")] == settled


def test_mbsync_copes_with_a_client_that_works_at_the_same_time(box: Box, tmp_path: Path) -> None:
    """What it sees while messages move under its hands may be old, but never wrong: in the end both sides are alike."""
    box.fill("INBOX", mails(200))
    maildir = Maildir(tmp_path, box)
    maildir.sync()
    over, changes, rounds = threading.Event(), list[str](), 0
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(keep_changing, box, over, changes)
        while not working.done() and (rounds < 4 or len(changes) < 20):
            maildir.add("INBOX", mails(5, f"round {rounds}"))
            maildir.sync()
            rounds += 1
        over.set()
        working.result()
    maildir.sync()
    maildir.sync()
    for name in ("INBOX", "Archive"):
        assert maildir.state(name) == far(box, name)
    assert len(far(box, "INBOX")) + len(far(box, "Archive")) == 200 + 5 * rounds


def keep_changing(box: Box, over: threading.Event, changes: list[str]) -> None:
    """Flag and move messages until it is over, and note each change."""
    chance = random.Random(7)
    with imaplib.IMAP4("127.0.0.1", box.port, timeout=20) as imap:
        good(imap.login(box.name, PASSWORD))
        while not over.is_set():
            here, there = chance.sample(["INBOX", "Archive"], 2)
            good(imap.select(here))
            uids = good(imap.uid("SEARCH", "ALL"))[0].split()
            for uid in chance.sample(uids, min(3, len(uids))):
                good(imap.uid("STORE", uid.decode(), chance.choice(["+FLAGS", "-FLAGS"]), chance.choice(["(\\Seen)", "(\\Flagged)"])))
                changes.append(f"{here} {uid.decode()}")
            if uids:
                good(imap.uid("MOVE", chance.choice(uids).decode(), there))


def mails_of(box: Box) -> list[bytes]:
    return [held.data for held in box.held()]
