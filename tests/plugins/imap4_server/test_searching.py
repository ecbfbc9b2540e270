"""SEARCH, SORT, THREAD and ESEARCH in a real server, on both databases: what they find before and after the mail is digested."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest

from postroom.mail.folding import fold
from postroom.store.digest import Digester
from postroom.store.mailboxes import append as append_copy
from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

Talks = Callable[..., Talk]


def digest(server: Miniature) -> int:
    context = server.context
    return Digester(context.db, context.blobs, context.offload, context.kept).run()


def put_in_front(server: Miniature, prefix: bytes, data: bytes) -> None:
    """A message of alice with header lines that this copy has for itself."""
    context = server.context
    account = context.accounts.get("alice")
    assert account is not None
    draft = context.blobs.draft()
    draft.write(data)

    def work(tx: Any) -> None:
        append_copy(tx, account.id, "INBOX", blob_id=draft.store(tx), size=draft.size, prefix=prefix, received_at=7)

    context.db.write(work)


def append(talk: Talk, text: str, folder: str = "INBOX", options: str = "") -> None:
    data = text.replace("\n", "\r\n").encode()
    talk.ok(f"APPEND {folder} {options}{{{len(data)}}}", data)


def hits(talk: Talk, program: str | bytes, *literals: bytes) -> list[int]:
    """The numbers of a SEARCH."""
    command = program.encode() if isinstance(program, str) else program
    [line] = [line for line in talk.ok(b"SEARCH " + command, *literals) if line.startswith(b"* SEARCH")]
    return [int(number) for number in line.split()[2:]]


LETTERS = (
    """\
From: Ann <ann@example.org>
To: joe@example.test
Subject: Apples
Date: Mon, 2 Feb 2026 10:00:00 +0100
Message-ID: <1@x>

red fruit
""",
    """\
From: Bob <bob@example.org>
Cc: ann@example.org
Subject: Re: apples
Date: Sun, 1 Feb 2026 10:00:00 +0000
Message-ID: <2@x>
In-Reply-To: <1@x>
X-Note: a
  folded note

green fruit, red stem
""",
    """\
From: =?utf-8?q?Zo=C3=AB?= <zoe@example.net>
Subject: =?utf-8?q?=C3=84pfel?=
Date: Tue, 3 Feb 2026 23:30:00 -0800
Message-ID: <3@x>
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

gr=FCne =
Birnen
""",
)


@pytest.fixture(params=[False, True], ids=["new", "digested"])
def mail(request: pytest.FixtureRequest, server: Miniature, talk: Talks) -> Talk:
    """A client with three letters selected, which are digested or not."""
    client = talk()
    dates = ("02-Feb-2026 09:00:00 +0000", "04-Feb-2026 09:00:00 +0000", "03-Feb-2026 23:59:59 +0000")
    for letter, options in zip(LETTERS, (r"(\Seen)", "($Work)", r"(\Flagged \Answered)"), strict=True):
        append(client, letter, options=f'{options} "{dates[LETTERS.index(letter)]}" ')
    if request.param:
        assert digest(server) == 3
    client.ok("SELECT INBOX")
    return client


FIRST = "T" + blake2b(b"<1@x>", digest_size=8).hexdigest()  # the thread of the first letter
KEYS = [
        ("ALL", [1, 2, 3]), ("1", [1]), ("2:*", [2, 3]), ("*", [3]), ("UID 1,3", [1, 3]), ("UID 7:9", []), ("NOT 2", [1, 3]),
        ("SEEN", [1]), ("UNSEEN", [2, 3]), ("FLAGGED ANSWERED", [3]), ("UNDELETED UNDRAFT", [1, 2, 3]), ("DELETED", []),
        ("KEYWORD $work", [2]), ("UNKEYWORD $Work", [1, 3]), ("KEYWORD $none", []), ("OR SEEN FLAGGED", [1, 3]),
        ("OR (SEEN 1) (FLAGGED 2)", [1]), ("NOT (OR SEEN FLAGGED)", [2]), ("(SEEN)", [1]),
        ("BEFORE 3-Feb-2026", [1]), ("ON 3-Feb-2026", [3]), ("SINCE 3-Feb-2026", [2, 3]), ('SINCE "4-Feb-2026"', [2]),
        ("SENTBEFORE 2-Feb-2026", [2]), ("SENTON 3-Feb-2026", [3]), ("SENTSINCE 2-Feb-2026", [1, 3]),
        ("SAVEDSINCE 1-Jan-2020", [1, 2, 3]), ("SAVEDBEFORE 1-Jan-2020", []), ("SAVEDATESUPPORTED", [1, 2, 3]),
        ("OLDER 60", [1, 2, 3]), ("YOUNGER 60", []), ("LARGER 10", [1, 2, 3]), ("SMALLER 10", []),
        ("SUBJECT apple", [1, 2]), ("SUBJECT APPLES UNSEEN", [2]), ('SUBJECT ""', [1, 2, 3]), ("SUBJECT RE:", [2]),
        ("FROM ann", [1]), ("FROM example.NET", [3]), ("FROM zoe", [3]), ("TO joe", [1]), ("CC ann", [2]), ("BCC ann", []),
        ("BODY fruit", [1, 2]), ("BODY rui", [1, 2]), ('BODY "red s"', [2]), ("BODY apples", []), ("BODY birnen", [3]),
        ('BODY ""', [1, 2, 3]),
        ("TEXT apples", [1, 2]), ("TEXT ann@example.org", [1, 2]), ("TEXT in-reply-to", [2]), ("TEXT nowhere", []),
        ("TEXT e", [1, 2, 3]),
        ("TEXT quoted-printable", [3]), ("HEADER x-note folded", [2]), ('HEADER X-Note "a  folded"', []),
        ('HEADER X-Note "a folded"', [2]),
        ('HEADER Date ""', [1, 2, 3]), ('HEADER X-None ""', []), ("HEADER Message-ID <2@x>", [2]), ("HEADER subject Apples", [1, 2]),
        ("HEADER Content-Type 8859", [3]), ("THREADID T1", []), ("EMAILID x", []),
        (f"THREADID {FIRST}", [1, 2]), (f"THREADID {FIRST.lower()}", []), ("MODSEQ 1", [1, 2, 3]), ("MODSEQ 99999999", []),
        ('MODSEQ "/flags/\\\\draft" all 1', [1, 2, 3]), ("OLD", []), ("NEW", [2, 3]), ("RECENT", [1, 2, 3]),
        ("CHARSET UTF-8 SUBJECT apples", [1, 2]), ("CHARSET us-ascii ALL", [1, 2, 3]),
    ]  # fmt: skip


def test_keys(mail: Talk) -> None:
    found = {}
    for program, _ in KEYS:
        [line] = [line for line in mail.ok(f"SEARCH {program}") if line.startswith(b"* SEARCH")]
        found[program] = [int(number) for number in line.partition(b" (")[0].split()[2:]]
    assert found == dict(KEYS)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (b"CHARSET UTF-8 SUBJECT {6}", "äPF".encode() + b"el"),
        (b"CHARSET ISO-8859-1 SUBJECT {5}", "äPFel".encode("latin-1")),
        (b"BODY {6}", "GRÜne".encode()),
        (b"TEXT {4}", "Zoë".encode()),
    ],
)
def test_words_in_character_sets(mail: Talk, command: bytes, word: bytes) -> None:
    assert hits(mail, command, word) == [3]


REFUSED = [
        ("SEARCH", "BAD"), ("SEARCH FOO", "BAD"), ("SEARCH (ALL", "BAD"), ("SEARCH ()", "BAD"), ("SEARCH OR ALL", "BAD"),
        ("SEARCH 4", "BAD"),
        ("SEARCH NOT", "BAD"), ("SEARCH SUBJECT", "BAD"), ("SEARCH SINCE yesterday", "BAD"), ("SEARCH 0", "BAD"),
        ("SEARCH ALL ", "BAD"),
        ("SEARCH CHARSET KLINGON ALL", "NO [BADCHARSET (US-ASCII UTF-8)]"), ("SEARCH CHARSET rot13 ALL", "NO [BADCHARSET"),
        ("SEARCH RETURN (FOO) ALL", "BAD"), ("SEARCH RETURN (ALL PARTIAL 1:2) ALL", "BAD"), ("SEARCH RETURN (PARTIAL 1:-2) ALL", "BAD"),
        ("SEARCH RETURN (PARTIAL 0:2) ALL", "BAD"), ("SEARCH " + "(" * 40 + "ALL" + ")" * 40, "BAD"),
        ("SEARCH " + "NOT " * 40 + "ALL", "BAD"),
        ("SEARCH " + "SEEN " * 1000 + "ALL", "NO [LIMIT]"), ("SORT (FOO) UTF-8 ALL", "BAD"), ("SORT () UTF-8 ALL", "BAD"),
        ("SORT (REVERSE) UTF-8 ALL", "BAD"), ("SORT (DATE) KLINGON ALL", "NO [BADCHARSET"), ("SORT (DATE) ALL", "BAD"),
        ("THREAD FOO UTF-8 ALL", "BAD"), ("THREAD REFERENCES KLINGON ALL", "NO [BADCHARSET"), ("ESEARCH IN (foo) ALL", "BAD"),
        ("ESEARCH IN (personal) 1:2", "BAD"), ("ESEARCH IN (personal) RETURN (SAVE) ALL", "BAD"), ("ESEARCH IN (mailboxes) ALL", "BAD"),
    ]  # fmt: skip


def test_what_is_refused(mail: Talk) -> None:
    for command, answer in REFUSED:
        assert mail.answer(command).startswith(answer), command
        mail.ok("NOOP")  # errors one after the other end a session


EXTENDED = [
        ("()", "UID ALL 1:3"), ("(ALL)", "UID ALL 1:3"), ("(MIN MAX)", "UID MIN 1 MAX 3"), ("(COUNT)", "UID COUNT 3"),
        ("(MIN COUNT ALL)", "UID MIN 1 ALL 1:3 COUNT 3"), ("(PARTIAL 1:2)", "UID PARTIAL (1:2 1:2)"),
        ("(PARTIAL 3:2)", "UID PARTIAL (2:3 2:3)"),
        ("(PARTIAL -1:-1)", "UID PARTIAL (-1:-1 3)"), ("(PARTIAL -2:-9)", "UID PARTIAL (-2:-9 1:2)"),
        ("(PARTIAL 4:9)", "UID PARTIAL (4:9 NIL)"),
        ("(PARTIAL 1:1 COUNT)", "UID PARTIAL (1:1 1) COUNT 3"),
    ]  # fmt: skip


def test_extended_results(mail: Talk) -> None:
    for options, answer in EXTENDED:
        [line] = mail.ok(f"UID SEARCH RETURN {options} ALL")
        assert line.decode() == f'* ESEARCH (TAG "t{mail._tags}") {answer}'


def test_nothing_found_is_told_without_numbers(mail: Talk) -> None:
    [line] = mail.ok("SEARCH RETURN (MIN ALL COUNT) DELETED")
    assert line.endswith(b") COUNT 0")
    assert mail.ok("SEARCH DELETED") == [b"* SEARCH"]


@pytest.mark.parametrize(
    ("options", "saved"),
    [("SAVE", [1, 2, 3]), ("SAVE MIN", [1]), ("SAVE MIN MAX", [1, 3]), ("SAVE COUNT MIN", [1, 2, 3]), ("SAVE PARTIAL 2:3", [2, 3])],
)
def test_results_are_saved(mail: Talk, options: str, saved: list[int]) -> None:
    answers = mail.ok(f"SEARCH RETURN ({options}) ALL")
    assert len(answers) == (options != "SAVE")
    assert hits(mail, "$") == saved
    assert hits(mail, "UID $ SEEN") == [one for one in saved if one == 1]


def test_modseq_is_told_when_it_is_asked_for(mail: Talk) -> None:
    [_, first] = mail.ok("SEARCH MODSEQ 1")  # HIGHESTMODSEQ is in front (RFC 7162 section 3.1)
    assert first.startswith(b"* SEARCH 1 2 3 (MODSEQ ")
    [second] = mail.ok("SEARCH RETURN (ALL) MODSEQ 1")
    assert b" MODSEQ " in second
    assert b"MODSEQ" not in mail.ok("SEARCH MODSEQ 99999999")[0]


def test_after_imap4rev2_only_esearch_is_told(mail: Talk) -> None:
    mail.ok("ENABLE IMAP4rev2")
    [line] = mail.ok("SEARCH SEEN")
    assert line.endswith(b") ALL 1")


def test_without_numbers_only_uids_are_told(mail: Talk) -> None:
    mail.ok("ENABLE UIDONLY")
    for command in ("SEARCH ALL", "SORT (DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "UID SEARCH 1:2"):
        assert mail.answer(command).startswith("BAD [UIDREQUIRED]")
    assert mail.ok("UID SEARCH SEEN") == [b"* SEARCH 1"]


ORDERS = [
        ("DATE", [2, 1, 3]), ("REVERSE DATE", [3, 1, 2]), ("ARRIVAL", [1, 3, 2]), ("SIZE", [1, 2, 3]), ("SUBJECT", [1, 2, 3]),
        ("SUBJECT REVERSE DATE", [1, 2, 3]), ("FROM", [1, 2, 3]), ("REVERSE FROM", [3, 2, 1]), ("TO", [2, 3, 1]), ("CC", [1, 3, 2]),
        ("DISPLAYFROM", [1, 2, 3]), ("DISPLAYTO", [2, 3, 1]), ("REVERSE CC", [2, 1, 3]),
    ]  # fmt: skip


def test_orders(mail: Talk) -> None:
    for criteria, order in ORDERS:
        [line] = mail.ok(f"SORT ({criteria}) UTF-8 ALL")
        assert [int(number) for number in line.split()[2:]] == order, criteria
        assert mail.ok(f"UID SORT ({criteria}) UTF-8 NOT 2") == [b"* SORT " + b" ".join(b"%d" % one for one in order if one != 2)]


def test_orders_with_result_options(mail: Talk) -> None:
    [line] = mail.ok("UID SORT RETURN (MIN MAX ALL COUNT) (DATE) UTF-8 ALL")
    assert line.endswith(b" UID MIN 2 MAX 3 ALL 2,1,3 COUNT 3")
    [line] = mail.ok("UID SORT RETURN (PARTIAL 1:2) (REVERSE DATE) UTF-8 ALL")
    assert line.endswith(b" UID PARTIAL (1:2 3,1)")


def test_threads(mail: Talk) -> None:
    assert mail.ok("THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (1 2)(3)"]
    assert mail.ok("UID THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"* THREAD (2 1)(3)"]
    assert mail.ok("THREAD REFERENCES UTF-8 SEEN") == [b"* THREAD (1)"]
    assert mail.ok("THREAD REFERENCES UTF-8 DELETED") == [b"* THREAD"]


def test_several_mailboxes_are_searched_at_once(mail: Talk, server: Miniature) -> None:
    append(mail, LETTERS[0], "Archive")
    append(mail, LETTERS[2], "Sent")
    answers = mail.ok("ESEARCH IN (personal) RETURN (COUNT) SUBJECT apples")
    assert [line.split(b"MAILBOX ")[1].split(b" UIDV")[0] for line in answers] == [b'"INBOX"', b'"Archive"']
    assert answers[0].endswith(b" UID COUNT 2")
    assert mail.ok("ESEARCH IN (mailboxes Archive subtree Sent) FROM ann")[0].endswith(b" UID ALL 1")
    assert [b'MAILBOX "INBOX"' in line for line in mail.ok("ESEARCH SUBJECT apples")] == [True]
    assert mail.ok("ESEARCH IN (selected) RETURN (SAVE) SUBJECT apples") == []
    assert hits(mail, "$") == [1, 2]


def test_shared_mailboxes_are_searched_by_those_who_may_read_them(mail: Talk, talk: Talks) -> None:
    bob = talk("bob")
    assert bob.ok("ESEARCH IN (mailboxes #users/alice/INBOX) ALL") == []
    mail.ok("SETACL INBOX bob lr")
    [line] = bob.ok("ESEARCH IN (mailboxes #users/alice/INBOX) RETURN (COUNT) TEXT apples")
    assert line.endswith(b"COUNT 2")


def test_a_message_that_is_gone_for_others_keeps_its_number(mail: Talk, talk: Talks) -> None:
    other = talk()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert hits(mail, "TEXT e") == [2, 3]
    assert mail.ok("SORT (DATE) UTF-8 ALL") == [b"* SORT 2 3"]
    assert mail.ok("THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (2)(3)"]


def test_a_message_that_is_not_told_yet_is_not_found(mail: Talk, talk: Talks) -> None:
    append(talk(), LETTERS[0])
    assert mail.ok("SEARCH BODY red")[0] == b"* SEARCH 1 2"
    assert hits(mail, "BODY red") == [1, 2, 4]


def test_the_lines_of_each_copy_are_searched(server: Miniature, talk: Talks) -> None:
    assert server.send("stranger@example.org", "alice@example.test").startswith("250")
    client = talk()
    client.ok("SELECT INBOX")
    for _ in range(2):
        assert hits(client, "TEXT stranger@example.org") == hits(client, "HEADER Return-Path stranger") == [1]
        assert hits(client, "HEADER Subject stranger") == hits(client, "BODY stranger") == hits(client, "HEADER Return-Path hello") == []
        digest(server)


def test_a_search_that_takes_too_long_ends(server: Miniature, talk: Talks, monkeypatch: pytest.MonkeyPatch) -> None:
    client = talk()
    append(client, LETTERS[0])
    client.ok("SELECT INBOX")
    moments = iter(range(0, 10**9, 100))
    client.ok("SEARCH RETURN (SAVE) ALL")
    monkeypatch.setattr("postroom_imap4_server.finding.time", type("Clock", (), {"monotonic": lambda: next(moments), "time": time.time}))
    assert client.answer("SEARCH RETURN (SAVE) TEXT hello").startswith("NO [LIMIT]")
    monkeypatch.undo()
    assert hits(client, "$") == []  # RFC 5182 section 2.1


def test_random_programs_find_what_counting_would_find(server: Miniature, talk: Talks) -> None:
    chance = random.Random(11)
    client, letters = talk(), []
    for _ in range(40):
        words = chance.choices(["alpha", "beta", "Gamma", "delta-x", "Œuvre", "naïve"], k=5)
        subject, body = words[0], " ".join(words[1:])
        flags = chance.sample([r"\Seen", r"\Flagged", r"\Draft"], chance.randint(0, 3))
        text = f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}\n"
        append(client, text, options=f"({' '.join(flags)}) ")
        letters.append((fold(subject), fold(body), frozenset(flags)))
    client.ok("SELECT INBOX")
    for turn in range(60):
        program, test = _program(chance, 3)
        assert hits(client, program.encode()) == [number for number, letter in enumerate(letters, 1) if test(letter)], program
        if turn == 20:
            digest(server)


def _program(chance: random.Random, depth: int) -> tuple[str, Callable[[Any], bool]]:
    """A random program, and what decides whether a letter belongs to its result."""
    kind = chance.choice(("flag", "subject", "body", "and", "or", "not") if depth else ("flag", "subject", "body"))
    if kind == "flag":
        flag = chance.choice([r"\Seen", r"\Flagged", r"\Draft"])
        return flag[1:].upper(), lambda letter: flag in letter[2]
    if kind in {"subject", "body"}:
        word, place = chance.choice(["ALP", "a", "elta-", "mm", "ta x", "x"]), int(kind == "body")
        return f'{kind.upper()} "{word}"', lambda letter: fold(word) in letter[place]
    first, one = _program(chance, depth - 1)
    if kind == "not":
        return f"NOT ({first})", lambda letter: not one(letter)
    second, two = _program(chance, depth - 1)
    if kind == "or":
        return f"OR ({first}) ({second})", lambda letter: one(letter) or two(letter)
    return f"({first} {second})", lambda letter: one(letter) and two(letter)


def test_a_long_search_says_that_it_goes_on(mail: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom_imap4_server.finding.PROGRESS", 0.0)
    *progress, result = mail.ok("UID SEARCH TEXT apples BODY fruit")
    assert set(progress) == {b'* OK [INPROGRESS ("t%d" NIL NIL)] Searching' % mail._tags}  # RFC 9585 section 4
    assert result == b"* SEARCH 1 2"


def test_copies_have_one_identity(mail: Talk) -> None:
    [line] = [line for line in mail.ok("FETCH 2 (EMAILID)") if b"EMAILID" in line]
    identity = line.split(b"EMAILID (")[1].split(b")")[0].decode()
    assert hits(mail, f"EMAILID {identity}") == [2]
    mail.ok("COPY 2 INBOX")
    assert hits(mail, f"EMAILID {identity}") == [2, 4]


def test_fields_that_were_put_in_front_of_a_copy_are_searched(server: Miniature, talk: Talks) -> None:
    put_in_front(server, b"Subject: put in front\r\n", b"From: ann@example.org\r\n\r\nhello\r\n")
    client = talk()
    client.ok("SELECT INBOX")
    for _ in range(2):
        for program in ("SUBJECT front", "HEADER Subject put", 'HEADER Subject ""', "TEXT front", "FROM ann", "TEXT hello"):
            assert hits(client, program) == [1], program
        assert hits(client, "BODY front") == []
        digest(server)
