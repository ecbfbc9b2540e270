"""Mail as people get it, made from a seed: every run and every server has the same messages, byte for byte."""

from __future__ import annotations

import base64
import quopri
import random
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime

SEED = 20240229
START = datetime(2021, 3, 1, 8, 0, 0, tzinfo=UTC)
RARE, RARE_EVERY = "xylographer", 997  # stands in every so many-th message
COMMON = "meeting"  # stands in every message
SUBJECT_WORD, SUBJECT_EVERY = "quarterly", 53  # begins the subject of every so many-th thread
REPLIES = 0.6  # share of the messages that answer an earlier one
RECENT_THREADS = 400  # an answer goes to one of the threads that were last written to
LONGEST_THREAD = 12

PEOPLE = (
    ("Anna Berger", "anna.berger@example.test"),
    ("Ben Okafor", "ben@example.net"),
    ("Chloé Dubois", "chloe.dubois@example.org"),
    ("Dmitri Ivanov", "d.ivanov@example.com"),
    ("Emma van der Meer", "emma@example.nl"),
    ("Francisco Núñez", "fnunez@example.org"),
    ("Grace Hopper", "grace@example.net"),
    ("Hiroshi Tanaka", "tanaka@example.jp"),
    ("Ingrid Sørensen", "ingrid@example.dk"),
    ("Jürgen Groß", "jgross@example.de"),
    ("build robot", "robot@ci.example.net"),
    ("box", "box@example.test"),
)
WORDS = """
about account address after agenda again agree also annual answer appointment approve attached available back because before best better
between board budget build calendar call change client close cloud colleague comment complete contract copy cost customer data date
deadline decide delay deliver department design detail document draft early easier email enough estimate event every exactly example
expect figure file final finish first follow forward friday friendly from further good great group happen help here hours idea important
include information instead interest invoice issue june kind know large last later launch letter list little long look machine make
manager many market material maybe mention message minute monday month morning move much need network never next north note number offer
office often once open order other outline over package page paper part people perhaps person phone plan please point possible prepare
present price print problem process product project proposal question quick ready reason receive record reduce remember report request
result return review right room sample schedule second section send server service several share short should sign simple since site small
some soon staff start still summary supplier support sure system table talk team test thanks that their there thing think this thursday
ticket time today together tomorrow total travel try tuesday under until update urgent user value version visit wait week welcome where
which while will with without word work would year yesterday
""".split()  # noqa: SIM905 - a word list reads best as text


@dataclass(frozen=True)
class Letter:
    """One message of the bag."""

    content: bytes  # with CR LF
    received: datetime


@dataclass
class Thread:
    """A conversation that messages are added to."""

    subject: str
    ids: list[str]


def letters(number: int, seed: int = SEED) -> Iterator[Letter]:
    """So many messages, in the order of their arrival."""
    chance, threads = random.Random(seed), list[Thread]()
    for position in range(number):
        received = START + timedelta(minutes=11 * position, seconds=chance.randrange(600))
        content = message(chance, position, received, _thread(chance, threads))
        yield Letter(content, received)


def _thread(chance: random.Random, threads: list[Thread]) -> Thread:
    recent = [thread for thread in threads[-RECENT_THREADS:] if len(thread.ids) < LONGEST_THREAD]
    if recent and chance.random() < REPLIES:
        return chance.choice(recent)
    subject = " ".join(chance.choices(WORDS, k=chance.randrange(2, 7)))
    if len(threads) % SUBJECT_EVERY == 0:
        subject = f"{SUBJECT_WORD} {subject}"
    if len(threads) % 9 == 0:
        subject += " – für größere Dinge"
    threads.append(Thread(subject, []))
    return threads[-1]


def message(chance: random.Random, position: int, received: datetime, thread: Thread) -> bytes:
    """Header, text and attachment: 4 to 6 KB."""
    boundary = f"----=_Part_{position}_{chance.getrandbits(48):012x}"
    fields = _header(chance, position, received, thread)
    fields += ["MIME-Version: 1.0", f'Content-Type: multipart/mixed;\r\n\tboundary="{boundary}"']
    parts = [_text(chance, position), _attachment(chance)]
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return ("\r\n".join(fields) + "\r\n\r\nThis is a multi-part message in MIME format.\r\n" + body).encode("ascii")


def _header(chance: random.Random, position: int, received: datetime, thread: Thread) -> list[str]:
    sender, others = chance.choice(PEOPLE), chance.sample(PEOPLE, chance.randrange(1, 4))
    sent = received - timedelta(seconds=chance.randrange(5, 60))
    identity = f"<{chance.getrandbits(64):016x}.{position}@{sender[1].partition('@')[2]}>"
    fields = [
        *_received(chance, received),
        *_signature(chance, sender[1].partition("@")[2]),
        f"Date: {format_datetime(sent)}",
        f"From: {_address(sender)}",
        f"To: {_address(PEOPLE[-1])}",
        f"Cc: {_list(others)}",
        f"Message-ID: {identity}",
        f"Subject: {_encoded(('Re: ' if thread.ids else '') + thread.subject)}",
    ]
    if thread.ids:
        fields += [f"In-Reply-To: {thread.ids[-1]}", "References: " + "\r\n\t".join(thread.ids[-5:])]
    thread.ids.append(identity)
    return [*fields, "X-Mailer: Letters 4.2 (Build 1711)", f"X-Spam-Score: {chance.random() * 4:.2f}", "Content-Language: en-GB"]


def _received(chance: random.Random, received: datetime) -> list[str]:
    hops = ("mx1.example.test", "out.mail.example.net", "submission.example.net")
    return [
        f"Received: from relay{chance.randrange(9)}.example.net ([192.0.2.{chance.randrange(256)}])\r\n\tby {by} (8.15/8.15) with ESMTPS"
        f" id {chance.getrandbits(60):015x}\r\n\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384);\r\n\t{format_datetime(received)}"
        for by in hops
    ]


def _signature(chance: random.Random, domain: str) -> list[str]:
    signature = base64.b64encode(chance.randbytes(256)).decode()
    return [
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=2021;\r\n\th=date:from:to:cc:message-id:subject;"
        f"\r\n\tbh={base64.b64encode(chance.randbytes(32)).decode()};\r\n\tb=" + "\r\n\t ".join(textwrap.wrap(signature, 68))
    ]


def _address(person: tuple[str, str]) -> str:
    name, address = person
    shown = f'"{name}"' if name.isascii() and " " in name else _encoded(name)
    return f"{shown} <{address}>"


def _list(people: list[tuple[str, str]]) -> str:
    return ",\r\n\t".join(map(_address, people))


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode(linesep="\r\n", maxlinelen=70)


def _text(chance: random.Random, position: int) -> str:
    words = chance.choices(WORDS, k=chance.randrange(120, 240))
    words[chance.randrange(len(words))] = COMMON
    if position % RARE_EVERY == RARE_EVERY - 1:
        words[chance.randrange(1, len(words))] = RARE
    lines = textwrap.fill(" ".join(words), 72)
    if position % 3:
        return "Content-Type: text/plain; charset=us-ascii\r\n\r\n" + lines.replace("\n", "\r\n") + "\r\n"
    content = quopri.encodestring(f"{lines}\n\nMit freundlichen Grüßen\n".encode()).decode().replace("\n", "\r\n")
    return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{content}"


def _attachment(chance: random.Random) -> str:
    data = base64.encodebytes(chance.randbytes(chance.randrange(1000, 1700))).decode().replace("\n", "\r\n")
    name = f"{chance.choice(WORDS)}-{chance.randrange(1000)}.pdf"
    return (
        f'Content-Type: application/pdf; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n{data}'
    )
