"""Servers that hang, cut, talk nonsense, refuse, lie and flood, at every stage: the right outcome, words that name stage and server."""

from __future__ import annotations

import contextlib
import ssl
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from postroom.clients.smtp.replies import LINE_LIMIT, TOTAL_LIMIT
from postroom.mail.delivery import Delivered, Failed, TryLater
from tests.core.clients.smtp_peer import GREETING, PIPELINING, PLAIN, Peer, outgoing
from tests.plugins.smtp_direct.direct import direct, table

PATIENT = dict.fromkeys(("connect", "handshake", "greeting", "command", "data", "block", "end"), "20s")
WAITS = {"the greeting": "greeting", "EHLO": "command", "MAIL": "command", "RCPT": "command", "DATA": "data", "the message": "end"}
MAIL, RCPT = "C: MAIL *\nS: 250 Ok\n", "C: RCPT *\nS: 250 Ok\n"
BEFORE = {  # what has happened before a stage, one command after the other
    "the greeting": "",
    "EHLO": "S: 220 mx.test\nC: EHLO *\n",
    "MAIL": f"{PLAIN}C: MAIL *\n",
    "RCPT": f"{PLAIN}{MAIL}C: RCPT *\n",
    "DATA": f"{PLAIN}{MAIL}{RCPT}C: DATA\n",
    "the message": f"{PLAIN}{MAIL}{RCPT}C: DATA\nS: 354 Go\n!message\n",
}
ENVELOPE = "C: MAIL *\nC: RCPT *\nC: DATA\n"
PIPED = {  # the same with all commands in one write
    "MAIL": f"{PIPELINING}{ENVELOPE}",
    "RCPT": f"{PIPELINING}{ENVELOPE}S: 250 Ok\n",
    "DATA": f"{PIPELINING}{ENVELOPE}S: 250 Ok\nS: 250 Ok\n",
    "the message": f"{PIPELINING}{ENVELOPE}S: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\n",
}
KINDS = {"the greeting": "greeting", "EHLO": "greeting", "MAIL": "broken", "RCPT": "broken", "DATA": "answer", "the message": "answer"}
STAGES = [*((stage, script) for stage, script in BEFORE.items()), *((stage, script) for stage, script in PIPED.items())]
FLOOD = 1 << 20  # bytes of a reply


@contextlib.contextmanager
def facing(*scripts: str, context: ssl.SSLContext | None = None, hangs: str = "") -> Iterator[Any]:
    """A function that sends a message to the scripted server; ``hangs``: at which stage we do not wait for long."""
    timeouts = PATIENT | ({WAITS[hangs]: "600ms"} if hangs else {})
    with Peer(*scripts, context=context) as peer:
        sender = direct(table({"d.test": [(10, "mx.d.test")]}), port=peer.port, timeouts=timeouts)
        yield lambda: sender.send(outgoing("you@d.test"))[1]
        sender.close()


@pytest.mark.parametrize(("stage", "script"), STAGES)
@pytest.mark.parametrize(
    "trouble", ["!hang", "!close", "!raw 250 half", "!raw \\x00\\xff\\r\\n", "!raw 999 What\\r\\n", "S: 250-one\nS: 550 two"]
)
def test_a_server_that_goes_astray_is_tried_later(stage: str, script: str, trouble: str) -> None:
    with facing(f"{script}{trouble}", hangs=stage if trouble == "!hang" else "") as send:
        outcome = send()
    assert isinstance(outcome, TryLater)
    assert outcome.kind == KINDS[stage]
    assert "mx.d.test[127.0.0.1]" in outcome.reply.text and stage in outcome.reply.text


@pytest.mark.parametrize(("stage", "script"), STAGES)
@pytest.mark.parametrize("code", [421, 451, 554])
def test_a_refusal_is_the_outcome_at_each_stage(stage: str, script: str, code: int) -> None:
    rest = "" if code == 421 else "S: 503 No\n" * (script.startswith(PIPELINING) * {"MAIL": 2, "RCPT": 1}.get(stage, 0))
    again = "C: HELO *\nS: 554 Really\n" if stage == "EHLO" and code == 554 else ""
    end = "!hang" if code == 421 or stage in ("the greeting", "EHLO") else "C: QUIT\nS: 221 Bye"
    with facing(f"{script}S: {code} Because\n{rest}{again}{end}") as send:
        outcome = send()
    final = code == 554 and stage not in ("the greeting", "EHLO")  # the refusal of a session is not about the message
    assert type(outcome) is (Failed if final else TryLater)
    assert "Because" in outcome.reply.text or "Really" in outcome.reply.text
    assert stage in outcome.reply.text or outcome.how.startswith(stage) or stage in ("the greeting", "EHLO")


@pytest.mark.parametrize(("stage", "script"), STAGES)
@pytest.mark.parametrize("flood", ["x" * FLOOD, ("250-" + "x" * 500 + "\\r\\n") * (FLOOD // 500)])
def test_a_reply_of_a_megabyte_is_cut_off_in_little_memory(stage: str, script: str, flood: str) -> None:
    with facing(f"{script}!raw {flood}\n!hang") as send:
        tracemalloc.start()
        outcome = send()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(outcome, TryLater)
    assert f"{LINE_LIMIT} octets" in outcome.reply.text or f"{TOTAL_LIMIT} octets" in outcome.reply.text or "lost" in outcome.reply.text
    assert most < 8 << 20  # the script itself, in the server's thread, is most of it


def test_a_server_that_closes_after_its_250_has_taken_the_message() -> None:
    with facing(f"{BEFORE['the message']}S: 250 Taken\n!close", f"{BEFORE['the message']}S: 250 Again\nC: QUIT\nS: 221 Bye") as send:
        assert send() == Delivered("250 Taken", send().server)  # the next message finds the connection closed, and opens another


def test_enhanced_codes_decide_what_is_final() -> None:
    """RFC 3463 section 2: they say more than the basic code."""
    with facing(f"{BEFORE['RCPT']}S: 450 5.1.1 No such user\nC: QUIT\nS: 221 Bye") as send:
        assert isinstance(send(), Failed)
    with facing(f"{BEFORE['RCPT']}S: 550 4.2.2 Full\nC: QUIT\nS: 221 Bye") as send:
        assert isinstance(send(), TryLater)


def test_what_is_injected_before_tls_ends_the_connection() -> None:
    injected = r"!raw 220 Go\r\n250-mx.test\r\n250 PIPELINING\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n250 Lost\r\n"
    script = f"{GREETING}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n{injected}\n!gone"
    with facing(script, f"{BEFORE['RCPT']}S: 550 5.1.1 No\nC: QUIT\nS: 221 Bye") as send:
        outcome = send()
    assert isinstance(outcome, Failed)
    assert "said more than the answer to STARTTLS" in outcome.how


def test_another_address_is_tried_when_one_sends_no_greeting() -> None:
    """RFC 5321 section 5.1: at least two addresses."""
    with Peer("S: 421 Too busy\n!close", f"{PLAIN}{MAIL}{RCPT}C: DATA\nS: 354 Go\n!message\nS: 250 Ok\nC: QUIT\nS: 221 Bye") as peer:
        resolver = table({"d.test": [(10, "mx.d.test")]}, hosts={"mx.d.test": ["127.0.0.1", "127.0.0.1"]})
        sender = direct(resolver, port=peer.port)
        assert isinstance(sender.send(outgoing("you@d.test"))[1], Delivered)
        sender.close()
