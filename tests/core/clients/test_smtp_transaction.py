"""A mail transaction against scripted servers: the dialogue on the wire, and an outcome for each recipient."""

import tracemalloc
from dataclasses import replace

import pytest

from postroom.clients.smtp.connect import Dialer
from postroom.clients.smtp.faults import Broken
from postroom.clients.smtp.pool import SessionLimits
from postroom.clients.smtp.transaction import SMALL
from postroom.clients.smtp.transfer import last_words
from postroom.mail.delivery import Delivered, Failed, TryLater
from postroom.mail.reply import Reply

from .smtp_peer import GREETING, IMPATIENT, MESSAGE, PIPELINING, PLAIN, QUICK, Peer, courier, deliver, hop, outgoing

MAIL = "C: MAIL FROM:<me@client.test>\n"
RCPT = "C: RCPT TO:<you@mx.test>\n"
QUIT = "C: QUIT\nS: 221 Bye"
EIGHTBIT = GREETING + "S: 250-mx.test\nS: 250 8BITMIME\n"
CHUNKING = GREETING + "S: 250-mx.test\nS: 250-PIPELINING\nS: 250-8BITMIME\nS: 250-BINARYMIME\nS: 250 CHUNKING\n"
LARGE = b"Subject: large\r\n\r\n" + b".line of a large message\r\n" * 25_000


def test_a_message_is_sent_step_by_step_to_a_plain_server() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 2.0.0 Ok: queued as 1\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing())
    assert outcomes == {1: Delivered("250 2.0.0 Ok: queued as 1", f"mx.test[127.0.0.1]:{peer.port}")}
    assert peer.messages == [MESSAGE]


def test_with_pipelining_the_envelope_leaves_in_one_write() -> None:
    script = f"{PIPELINING}{MAIL}{RCPT}C: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing())[1], Delivered)
    assert peer.messages == [MESSAGE]


def test_with_chunking_a_small_message_takes_one_round_trip() -> None:
    size = len(MESSAGE)
    script = f"{CHUNKING}{MAIL}{RCPT}C: BDAT {size} LAST\n!octets {size}\nS: 250 Ok\nS: 250 Ok\nS: 250 Got it\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing())[1], Delivered)
    assert peer.messages == [MESSAGE]


@pytest.mark.parametrize(
    "replies", ["S: 250 Ok\nS: 550 5.1.1 No\nS: 503 RCPT first", "S: 550 5.1.1 No\nS: 503 MAIL first\nS: 503 MAIL first"]
)
def test_a_chunk_that_nobody_was_to_get_leaves_the_connection_in_step(replies: str) -> None:
    size = len(MESSAGE)
    with Peer(f"{CHUNKING}{MAIL}{RCPT}C: BDAT {size} LAST\n!octets {size}\n{replies}\n{QUIT}") as peer:
        outcomes = deliver(peer, outgoing())
    assert outcomes[1] == Failed(Reply(550, "5.1.1", "No"), f"mx.test[127.0.0.1]:{peer.port}")


@pytest.mark.parametrize("end", ["!close", "!hang", "S: 421 4.3.2 Closing\n!close", "!raw 250 half\n!close"])
def test_what_became_of_the_last_chunk_is_unknown_when_the_connection_breaks(end: str) -> None:
    size = len(MESSAGE)
    with Peer(f"{CHUNKING}{MAIL}{RCPT}C: BDAT {size} LAST\n!octets {size}\nS: 250 Ok\nS: 250 Ok\n{end}") as peer:
        outcome = deliver(peer, outgoing(), timeouts=replace(QUICK, end=0.2))[1]
    assert isinstance(outcome, TryLater)
    assert outcome.kind == "answer"


def test_a_large_message_leaves_in_chunks() -> None:
    pieces = [LARGE[start : start + SMALL] for start in range(0, len(LARGE), SMALL)]
    chunks = "".join(f"C: BDAT {len(piece)}\n!octets {len(piece)}\nS: 250 Ok\n" for piece in pieces[:-1])
    last = f"C: BDAT {len(pieces[-1])} LAST\n!octets {len(pieces[-1])}\nS: 250 Got it\n"
    script = f"{CHUNKING}C: MAIL FROM:<me@client.test> BODY=8BITMIME\n{RCPT}S: 250 Ok\nS: 250 Ok\n{chunks}{last}{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing(message=LARGE, pieces=SMALL))[1], Delivered)
    assert b"".join(peer.messages) == LARGE


def test_a_refused_chunk_ends_the_message() -> None:
    pieces = [LARGE[start : start + SMALL] for start in range(0, len(LARGE), SMALL)]
    script = f"{CHUNKING}C: MAIL *\n{RCPT}S: 250 Ok\nS: 250 Ok\n"
    script += "".join(f"C: BDAT {len(piece)}*\n!octets {len(piece)}\nS: 552 5.3.4 Too big\n" for piece in pieces)
    with Peer(script + QUIT) as peer:
        outcomes = deliver(peer, outgoing(message=LARGE, pieces=SMALL))
    assert outcomes[1] == Failed(Reply(552, "5.3.4", "Too big"), f"mx.test[127.0.0.1]:{peer.port}")


def test_a_large_message_is_dot_stuffed_in_pieces() -> None:
    script = f"{EIGHTBIT}C: MAIL *\nS: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing(message=LARGE, pieces=1001))[1], Delivered)
    assert peer.messages == [LARGE]


@pytest.mark.parametrize("message", [b"", b".\r\n", b"A: 1\r\n", b"\r\n", b"A: 1\r\n\r\n.\r\n..\r\n.x\r\n"])
@pytest.mark.parametrize("pieces", [1, 1000])
def test_every_message_arrives_as_it_is(message: bytes, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.clients.smtp.transaction.SMALL", -1)  # as a large one
    script = f"{EIGHTBIT}C: MAIL *\nS: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing(message=message, pieces=pieces))[1], Delivered)
    assert peer.messages == [message]


@pytest.mark.parametrize(
    ("answer", "message", "ours"),
    [
        ("C: MAIL *\nS: 550 No\nC: QUIT\nS: 221 Bye", MESSAGE, False),
        ("C: MAIL *\nS: 450 No\nC: QUIT\nS: 221 Bye", MESSAGE, False),
        ("C: MAIL *\nS: 354 Go\nC: QUIT\nS: 221 Bye", MESSAGE, True),
        ("C: MAIL *\n!close", MESSAGE, True),
        ("C: MAIL *\nS: 421 Bye\n!close", MESSAGE, True),
        ("C: QUIT\nS: 221 Bye", b"A: 1\r\n\r\nb\n", True),
        ("!close", MESSAGE, True),
    ],
)
def test_an_outcome_says_whose_its_words_are(answer: str, message: bytes, ours: bool) -> None:
    with Peer(f"{PLAIN}{answer}") as peer:
        outcome = deliver(peer, outgoing(message=message))[1]
    assert isinstance(outcome, TryLater | Failed)
    assert outcome.ours is ours


def test_a_message_without_a_last_line_end_gets_one() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        deliver(peer, outgoing(message=b"A: 1\r\n\r\nend"))
    assert peer.messages == [b"A: 1\r\n\r\nend\r\n"]


@pytest.mark.parametrize(("code", "kind"), [(450, TryLater), (550, Failed)])
def test_each_recipient_has_its_own_outcome(code: int, kind: type) -> None:
    script = f"{PIPELINING}{MAIL}C: RCPT TO:<a@mx.test>\nC: RCPT TO:<b@mx.test>\nC: DATA\n"
    script += f"S: 250 Ok\nS: {code} {code // 100}.1.1 Not this one\nS: 250 Ok\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing("a@mx.test", "b@mx.test"))
    assert outcomes[1] == kind(Reply(code, f"{code // 100}.1.1", "Not this one"), f"mx.test[127.0.0.1]:{peer.port}")
    assert isinstance(outcomes[2], Delivered)


@pytest.mark.parametrize(
    ("stage", "code", "kind"),
    [
        *[(stage, 451, TryLater) for stage in ("MAIL", "RCPT", "DATA", "end")],
        *[(stage, 550, Failed) for stage in ("MAIL", "RCPT", "DATA", "end")],
        *[(stage, 354, TryLater) for stage in ("MAIL", "RCPT", "end")],  # an answer that makes no sense there
    ],
)
@pytest.mark.parametrize("greeting", [PLAIN, PIPELINING])
def test_an_error_at_each_stage_is_the_outcome(stage: str, code: int, kind: type, greeting: str) -> None:
    replies = {"MAIL": "250 Ok", "RCPT": "250 Ok", "DATA": "354 Go", "end": "250 Ok", stage: f"{code} words"}
    body = f"!message\nS: {replies['end']}\n"
    if greeting == PIPELINING:
        data = "S: 503 No\n" if stage in ("MAIL", "RCPT") else f"S: {replies['DATA']}\n" + body * (stage == "end")
        rcpt = "S: 503 No\n" if stage == "MAIL" else f"S: {replies['RCPT']}\n"
        script = f"{greeting}{MAIL}{RCPT}C: DATA\nS: {replies['MAIL']}\n{rcpt}{data}{QUIT}"
    else:
        steps = [f"{MAIL}S: {replies['MAIL']}\n", f"{RCPT}S: {replies['RCPT']}\n", f"C: DATA\nS: {replies['DATA']}\n", body]
        script = greeting + "".join(steps[: ["MAIL", "RCPT", "DATA", "end"].index(stage) + 1]) + QUIT
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing())
    assert type(outcomes[1]) is kind
    assert "words" in str(outcomes[1].reply)  # type: ignore[union-attr]


@pytest.mark.parametrize("envelope", ["S: 250 Ok\nS: 550 5.1.1 No", "S: 550 5.7.1 Not you\nS: 503 MAIL first"])
def test_a_data_that_is_granted_to_nobody_gets_an_empty_message(envelope: str) -> None:
    script = f"{PIPELINING}{MAIL}{RCPT}C: DATA\n{envelope}\nS: 354 Go\n!message\nS: 554 No recipients\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing())
    assert isinstance(outcomes[1], Failed)
    assert peer.messages == [b""]


@pytest.mark.parametrize("rest", ["", "S: 503 MAIL first\n"])
def test_a_final_refusal_of_mail_counts_when_the_server_hangs_up_right_after_it(rest: str) -> None:
    with Peer(f"{PIPELINING}{MAIL}{RCPT}C: DATA\nS: 550 5.7.1 Not you\n{rest}!close") as peer:
        outcomes = deliver(peer, outgoing())
    assert outcomes[1] == Failed(Reply(550, "5.7.1", "Not you"), f"mx.test[127.0.0.1]:{peer.port}")


def test_a_final_refusal_of_a_chunk_counts_when_the_server_hangs_up_right_after_it() -> None:
    pieces = [LARGE[start : start + SMALL] for start in range(0, len(LARGE), SMALL)]
    chunks = "".join(f"C: BDAT {len(piece)}*\n!octets {len(piece)}\n" for piece in pieces)
    with Peer(f"{CHUNKING}C: MAIL *\n{RCPT}S: 250 Ok\nS: 250 Ok\n{chunks}S: 552 5.3.4 Too big\n!close") as peer:
        outcomes = deliver(peer, outgoing(message=LARGE, pieces=SMALL))
    assert outcomes[1] == Failed(Reply(552, "5.3.4", "Too big"), f"mx.test[127.0.0.1]:{peer.port}")


def test_a_data_that_is_answered_with_success_ends_the_connection() -> None:
    """Nobody knows whether the server waits for the message or for a command."""
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 250 Ok\n!gone") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert isinstance(outcome, TryLater)
    assert "Unexpected answer: 250 Ok" in outcome.reply.text


@pytest.mark.parametrize("cut", range(6))
@pytest.mark.parametrize("action", ["!close", "!hang", "S: what?", "!raw 250 half", "S: 421 4.3.2 Shutting down"])
def test_a_connection_that_breaks_at_any_point_is_a_temporary_failure(cut: int, action: str) -> None:
    steps = ["S: 220 mx.test", "C: EHLO *\nS: 250 mx.test", f"{MAIL}S: 250 Ok", f"{RCPT}S: 250 Ok", "C: DATA\nS: 354 Go", "!message"]
    script = "\n".join([*steps[:cut], action, "!hang" if action[0] == "S" else "!close"])
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing(), timeouts=IMPATIENT if action == "!hang" else QUICK)
    assert isinstance(outcomes[1], TryLater)
    assert outcomes[1].reply.temporary
    assert f"127.0.0.1]:{peer.port}" in outcomes[1].reply.text


def test_a_final_refusal_stays_final_when_the_connection_breaks_later() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\nC: RCPT TO:<a@mx.test>\nS: 550 5.1.1 No\nC: RCPT TO:<b@mx.test>\n!close"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing("a@mx.test", "b@mx.test"))
    assert isinstance(outcomes[1], Failed)
    assert isinstance(outcomes[2], TryLater)


def test_a_reply_of_a_megabyte_is_a_temporary_failure() -> None:
    script = f"{PLAIN}{MAIL}!raw {'250-x' + 'y' * 1000}" + "\n!raw \\r\\n250-zzzz" * 1000 + "\n!hang"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing())
    assert isinstance(outcomes[1], TryLater)
    assert outcomes[1].reply.enhanced == "4.5.0"


def test_a_long_reply_is_kept_in_part() -> None:
    script = f"{PLAIN}{MAIL}" + f"S: 550-{'x' * 400}\n" * 9 + f"S: 550 end\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing())
    assert isinstance(outcomes[1], Failed)
    assert len(outcomes[1].reply.text) == 1024


def test_success_counts_even_when_the_server_hangs_up_right_after_it() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n!close"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing())[1], Delivered)


def test_the_reason_is_kept_when_the_server_hangs_up_in_the_middle_of_a_message() -> None:
    message = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n" * 2_000_000
    script = f"{EIGHTBIT}C: MAIL *\nS: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\nS: 552 5.3.4 Too big\n!hang"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing(message=message, pieces=1 << 18))
    assert outcomes[1].reply.enhanced in ("5.3.4", "4.4.2")  # type: ignore[union-attr]


@pytest.mark.parametrize(("words", "code"), [("552 5.3.4 Too big", 552), ("250 2.0.0 Chunk", 451), ("421 4.3.2 Closing", 421)])
def test_the_reason_is_looked_for_behind_the_replies_to_earlier_chunks(words: str, code: int) -> None:
    with Peer(f"{PLAIN}S: 250 Chunk\nS: {words}\n!hang") as peer:
        session = Dialer(lambda name: ["127.0.0.1"]).open(hop(peer))
        lost = session.broken("closed the connection while the message was sent")
        try:
            found = last_words(session, lost, waiting=1)
        except Broken as fault:
            found = fault.reply
        session.close()
    assert found.code == code


def test_a_data_that_is_granted_in_several_lines_is_granted() -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354-Go\nS: 354-\nS: 354 on\n!message\nS: 250 Ok\n{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing())[1], Delivered)


def test_more_than_a_hundred_recipients_are_sent_in_groups() -> None:
    names = [f"u{number}@mx.test" for number in range(250)]
    groups = [names[:100], names[100:200], names[200:]]
    script = PIPELINING + MAIL
    for index, group in enumerate(groups):
        script += "".join(f"C: RCPT TO:<{name}>\n" for name in group) + "C: DATA\n" * (index == 2)
        script += "S: 250 Ok\n" * (index == 0) + "S: 250 Ok\n" * len(group)
    script += f"S: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        carrier = courier(SessionLimits(recipients_per_message=1000))
        outcomes = carrier.deliver(outgoing(*names), [hop(peer)])
        carrier.pool.close()
    assert {type(outcome) for outcome in outcomes.values()} == {Delivered}


def test_too_many_recipients_are_sent_again_at_once_in_another_transaction() -> None:
    rcpt = [f"C: RCPT TO:<{name}@mx.test>\n" for name in "abc"]
    end = "S: 354 Go\n!message\nS: 250 Ok\n"
    script = f"{PIPELINING}{MAIL}{''.join(rcpt)}C: DATA\nS: 250 Ok\nS: 250 Ok\nS: 452 4.5.3 Too many\nS: 452 4.5.3 Too many\n{end}"
    script += f"{MAIL}{''.join(rcpt[1:])}C: DATA\nS: 250 Ok\nS: 250 Ok\nS: 452 4.5.3 Too many\n{end}"
    script += f"{MAIL}{rcpt[2]}C: DATA\nS: 250 Ok\nS: 452 4.5.3 Too many\nS: 503 No\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing("a@mx.test", "b@mx.test", "c@mx.test"))
    assert [type(outcomes[number]) for number in (1, 2, 3)] == [Delivered, Delivered, TryLater]


def test_the_old_code_for_too_many_recipients_means_the_same() -> None:
    """RFC 5321 section 4.5.3.1.10."""
    end = "S: 354 Go\n!message\nS: 250 Ok\n"
    first = f"{MAIL}C: RCPT TO:<a@mx.test>\nC: RCPT TO:<b@mx.test>\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 552 Too many recipients\n{end}"
    with Peer(f"{PIPELINING}{first}{MAIL}C: RCPT TO:<b@mx.test>\nC: DATA\nS: 250 Ok\nS: 250 Ok\n{end}{QUIT}") as peer:
        outcomes = deliver(peer, outgoing("a@mx.test", "b@mx.test"))
    assert [type(outcome) for outcome in outcomes.values()] == [Delivered, Delivered]


@pytest.mark.parametrize("code", [452, 552])
def test_a_recipient_who_was_too_many_alone_is_tried_later_in_the_servers_words(code: int) -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: {code} The disk is full\n{QUIT}") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert outcome == TryLater(Reply(452, "", "The disk is full"), f"mx.test[127.0.0.1]:{peer.port}")


def test_a_full_mailbox_is_not_too_many_recipients() -> None:
    with Peer(f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 552 5.2.2 Mailbox full\n{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing())[1], Failed)


def test_a_bare_line_feed_never_leaves() -> None:
    with Peer(f"{PLAIN}{QUIT}") as peer:
        outcomes = deliver(peer, outgoing(message=b"A: 1\r\n\r\nx\n.\r\nMAIL FROM:<evil@mx.test>\r\n"))
    assert isinstance(outcomes[1], Failed)
    assert outcomes[1].reply.enhanced == "5.6.3"


def test_a_bare_line_feed_deep_in_a_large_message_breaks_it_off() -> None:
    message = LARGE + b"\n.\r\nMAIL FROM:<evil@mx.test>\r\n"
    script = f"{EIGHTBIT}C: MAIL *\nS: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!unfinished"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing(message=message, pieces=SMALL))
    assert isinstance(outcomes[1], Failed)
    assert outcomes[1].reply.enhanced == "5.6.3"


def test_binary_leaves_as_bdat_where_binarymime_is_offered() -> None:
    message = b"A: 1\r\n\r\n\0\n\r\xff"
    script = f"{CHUNKING}C: MAIL FROM:<me@client.test> BODY=BINARYMIME\n{RCPT}C: BDAT {len(message)} LAST\n!octets {len(message)}\n"
    with Peer(f"{script}S: 250 Ok\nS: 250 Ok\nS: 250 Ok\n{QUIT}") as peer:
        assert isinstance(deliver(peer, outgoing(message=message, body="BINARYMIME"))[1], Delivered)
    assert peer.messages == [message]


def test_an_address_that_cannot_be_sent_fails_alone() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        outcomes = deliver(peer, outgoing("you@mx.test", "bad\r\n@mx.test", "jö@mx.test"))
    assert isinstance(outcomes[1], Delivered)
    assert [outcomes[number].reply.enhanced for number in (2, 3)] == ["5.1.3", "5.6.7"]  # type: ignore[union-attr]


def test_an_internationalized_message_is_downgraded_when_only_its_domains_need_it() -> None:
    script = f"{PLAIN}{MAIL}S: 250 Ok\nC: RCPT TO:<you@xn--bcher-kva.test>\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        assert isinstance(deliver(peer, outgoing("you@bücher.test", smtputf8=True))[1], Delivered)


def test_an_internationalized_header_needs_smtputf8() -> None:
    with Peer(f"{PLAIN}{QUIT}") as peer:
        outcomes = deliver(peer, outgoing(message="Subject: Grüße\r\n\r\n".encode(), smtputf8=True, body="8BITMIME"))
    assert outcomes[1].reply.enhanced == "5.6.7"  # type: ignore[union-attr]


def test_what_is_internationalized_is_said_rightly_when_it_is_the_recipient() -> None:
    with Peer(f"{PLAIN}{QUIT}") as peer:
        header = "Received: from me for <jö@mx.test>\r\n\r\n".encode()
        outcomes = deliver(peer, outgoing("jö@mx.test", message=header, smtputf8=True, body="8BITMIME"))
    assert outcomes[1].reply.text.startswith("An internationalized address,")  # type: ignore[union-attr]


def test_an_internationalized_header_of_a_large_message_is_found_below_the_added_lines() -> None:
    message = [b"Received: by us\r\n", "Subject: Grüße\r\n\r\n".encode() + LARGE]
    with Peer(f"{EIGHTBIT}{QUIT}") as peer:
        attempt = replace(outgoing(smtputf8=True, body="8BITMIME"), size=len(LARGE) + 34, chunks=lambda: iter(message))
        outcomes = deliver(peer, attempt)
    assert outcomes[1].reply.enhanced == "5.6.7"  # type: ignore[union-attr]


def test_an_internationalized_message_is_sent_as_such_where_smtputf8_is_offered() -> None:
    script = (
        f"{GREETING}S: 250-mx.test\nS: 250-8BITMIME\nS: 250 SMTPUTF8\nC: MAIL FROM:<me@client.test> BODY=8BITMIME SMTPUTF8\nS: 250 Ok\n"
    )
    script += f"C: RCPT TO:<jö@bücher.test>\nS: 250 Ok\nC: DATA\nS: 354 Go\n!message\nS: 250 Ok\n{QUIT}"
    with Peer(script) as peer:
        message = outgoing("jö@bücher.test", message="Subject: Grüße\r\n\r\n".encode(), smtputf8=True)
        assert isinstance(deliver(peer, message)[1], Delivered)


def test_the_message_learns_whether_the_server_does_reports() -> None:
    message = outgoing()
    with Peer(f"{PLAIN.replace('250 ', '250-')}S: 250 DSN\n{MAIL}S: 550 No\n{QUIT}") as peer:
        deliver(peer, message)
    assert message.notes["dsn"] is True


def test_a_server_that_takes_a_few_bytes_now_and_then_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5321 section 4.5.3.2.5: the time is for a block, not for any sign of life."""
    monkeypatch.setattr("postroom.clients.smtp.transfer.LAST_WORDS", 0.1)
    huge = b"Subject: huge\r\n\r\n" + b"A line of a huge message, seventy characters and a few more than that.\r\n" * 200_000
    timeouts = replace(QUICK, block=0.2)
    with Peer(f"{EIGHTBIT}C: MAIL *\nS: 250 Ok\n{RCPT}S: 250 Ok\nC: DATA\nS: 354 Go\n!trickle") as peer:
        outcome = deliver(peer, outgoing(message=huge, pieces=65_536), timeouts=timeouts)[1]
    assert isinstance(outcome, TryLater)
    assert "did not take the message" in outcome.reply.text


def test_a_server_that_answers_a_few_bytes_now_and_then_is_given_up() -> None:
    with Peer(f"{PLAIN}{MAIL}!drip") as peer:
        outcome = deliver(peer, outgoing(), timeouts=replace(QUICK, command=1))[1]
    assert isinstance(outcome, TryLater)
    assert "did not answer MAIL within" in outcome.reply.text


@pytest.mark.parametrize("offered", ["250 mx.test", "250-mx.test\\r\\n250 PIPELINING"])
def test_a_reply_that_nobody_asked_for_ends_the_connection(offered: str) -> None:
    """It, or the next one, would be taken for the answer to another command."""
    with Peer(f"{GREETING}!raw {offered}\\r\\n250 More\\r\\n\n!gone") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert isinstance(outcome, TryLater)
    assert "said something unasked before MAIL: 250 More" in outcome.reply.text


def test_a_goodbye_between_two_commands_is_told_in_the_servers_words() -> None:
    """RFC 5321 section 3.8: 421 may come at any time."""
    with Peer(f"{PLAIN}{MAIL}!raw 250 Ok\\r\\n421 4.3.2 Shutting down\\r\\n\n!gone") as peer:
        outcome = deliver(peer, outgoing())[1]
    assert isinstance(outcome, TryLater)
    assert outcome.reply.code == 421
    assert "421 4.3.2 Shutting down" in outcome.reply.text


@pytest.mark.parametrize("chunking", [False, True])
def test_a_large_message_is_never_in_memory_as_a_whole(chunking: bool) -> None:
    chunk, count = b"A line of a large message\r\n" * 10_000, 60
    message = replace(outgoing(), size=len(chunk) * count, chunks=lambda: (bytes(bytearray(chunk)) for _ in range(count)))
    dotted = f"C: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!skip {message.size + 3}\nS: 250 Ok\n"
    bdat = "S: 250 Ok\nS: 250 Ok\n" + f"C: BDAT *\n!skip {len(chunk)}\nS: 250 Ok\n" * count
    greeting = CHUNKING if chunking else PIPELINING.replace("S: 250 ", "S: 250-8BITMIME\nS: 250 ")
    with Peer(f"{greeting}C: MAIL *\n{RCPT}{bdat if chunking else dotted}{QUIT}") as peer:
        tracemalloc.start()
        outcomes = deliver(peer, message)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(outcomes[1], Delivered)
    assert most < 4 << 20
