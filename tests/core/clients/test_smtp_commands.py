"""MAIL and RCPT carry what the server offers and the message needs, and nothing else."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.smtp import commands
from postroom.clients.smtp.capabilities import NONE, Capabilities, parse
from postroom.clients.smtp.content import Unsendable
from postroom.mail.reply import Reply
from postroom.provided import QueuedRecipient

from .smtp_peer import outgoing

ALL = Capabilities(
    pipelining=True, chunking=True, binarymime=True, eightbit=True, smtputf8=True, dsn=True, requiretls=True, takes_size=True
)


def test_an_ehlo_answer_is_read_whatever_its_case_and_age() -> None:
    text = "mx.test hi\nPipelining\nSIZE 1000\n8bitmime\nAUTH PLAIN login\nAUTH=LOGIN CRAM-MD5\nLIMITS MAILMAX=5 RCPTMAX=x\nX-ODD"
    offered = parse(Reply(250, "", text))
    assert offered.pipelining
    assert offered.eightbit
    assert (offered.takes_size, offered.size_limit) == (True, 1000)
    assert offered.auth == ("PLAIN", "LOGIN", "CRAM-MD5")
    assert (offered.messages_limit, offered.recipients_limit) == (5, 0)


def test_binarymime_without_chunking_is_of_no_use() -> None:
    assert not parse(Reply(250, "", "mx\nBINARYMIME")).binarymime


OFFERS = (
    "PIPELINING",
    "CHUNKING",
    "BINARYMIME",
    "8BITMIME",
    "STARTTLS",
    "DSN",
    "SIZE 1000",
    "AUTH PLAIN",
    "AUTH=PLAIN",
    "LIMITS RCPTMAX=5",
)
ODD = ("SIZE -1", "SIZE 1e9", "SIZE ٣", "SIZE 99999999999999999999", "LIMITS RCPTMAX=-1 MAILMAX=", "AUTH", "=", "SIZE")
scraps = st.lists(st.sampled_from(ODD) | st.text(max_size=30), max_size=12)


@pytest.mark.parametrize("line", ODD)
def test_a_limit_that_is_no_number_is_none(line: str) -> None:
    offered = parse(Reply(250, "", f"mx.test\n{line}"))
    assert (offered.size_limit, offered.recipients_limit, offered.messages_limit, offered.auth) == (0, 0, 0, ())


@given(scraps)
def test_any_ehlo_text_gives_capabilities(lines: list[str]) -> None:
    offered = parse(Reply(250, "", "\n".join(["mx.test", *lines])))
    assert all(0 <= number < 10**19 for number in (offered.size_limit, offered.recipients_limit, offered.messages_limit))
    assert all(name and name == name.upper() and not set(name) & set(" \r\n") for name in offered.auth)


@given(st.lists(st.sampled_from(OFFERS)), st.lists(st.text("xyz -", max_size=9), max_size=4), st.randoms())
def test_what_is_offered_depends_on_neither_order_nor_case_nor_unknown_words(offers: list[str], unknown: list[str], chance: Random) -> None:
    mixed = [chance.choice((str.lower, str.upper, str.title))(line) for line in [*offers, *offers, *unknown]]
    chance.shuffle(mixed)
    assert parse(Reply(250, "", "\n".join(["mx.test", *mixed]))) == parse(Reply(250, "", "\n".join(["mx.test", *offers])))


def test_mail_has_only_the_parameters_that_are_offered() -> None:
    message = outgoing(ret="HDRS", envid="id1")
    assert commands.mail(message, NONE, "", utf8=False) == b"MAIL FROM:<me@client.test>\r\n"
    assert commands.mail(message, ALL, "8BITMIME", utf8=False) == (
        b"MAIL FROM:<me@client.test> SIZE=%d BODY=8BITMIME RET=HDRS ENVID=id1\r\n" % message.size
    )


def test_mail_says_smtputf8_and_requiretls_when_they_are_meant() -> None:
    message = outgoing(sender="mé@client.test", requiretls=True)
    assert commands.mail(message, ALL, "", utf8=True) == f"MAIL FROM:<mé@client.test> SIZE={message.size} SMTPUTF8 REQUIRETLS\r\n".encode()


def test_the_null_sender_is_empty_brackets() -> None:
    assert commands.mail(outgoing(sender=""), NONE, "", utf8=False) == b"MAIL FROM:<>\r\n"


def test_wishes_for_reports_are_passed_on_where_dsn_is_offered() -> None:
    recipient = QueuedRecipient(1, "you@mx.test", "SUCCESS,FAILURE", "rfc822;you+40mx.test")
    assert commands.rcpt(recipient, ALL, utf8=False) == b"RCPT TO:<you@mx.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;you+40mx.test\r\n"
    assert commands.rcpt(recipient, NONE, utf8=False) == b"RCPT TO:<you@mx.test>\r\n"


def test_a_malformed_wish_for_reports_is_left_out() -> None:
    recipient = QueuedRecipient(1, "you@mx.test", "NEVER\r\nRSET", "rfc822;a b")
    assert commands.rcpt(recipient, ALL, utf8=False) == b"RCPT TO:<you@mx.test>\r\n"


@pytest.mark.parametrize(
    "address",
    ["a@b\r\nRSET", "a\n@b", "a\0@b", "a b@c", "a@b> SIZE=1", "<a@b", "", '"a\r\n"@b', '"a"b"@c', "x" * 1001, "a@\x85b", "a\ud800@b"],
)
def test_an_address_that_could_leave_its_path_is_refused(address: str) -> None:
    with pytest.raises(Unsendable) as caught:
        commands.path(address, commands.BAD_RECIPIENT, utf8=True)
    assert caught.value.reply.enhanced == "5.1.3"


@pytest.mark.parametrize("address", ["a@b.test", '"a b"@c.test', '"a>b\\""@c.test', "a@[192.0.2.1]", "postmaster"])
def test_every_proper_address_is_sent_as_it_is(address: str) -> None:
    assert commands.path(address, commands.BAD_RECIPIENT, utf8=False) == address.encode()


@given(st.text(max_size=40))
def test_no_address_brings_a_line_end_or_a_bracket_out_of_quotes(address: str) -> None:
    try:
        octets = commands.path(address, commands.BAD_RECIPIENT, utf8=True)
    except Unsendable:
        return
    assert not set(octets) & set(b"\r\n\0")
    assert b">" not in octets or octets.startswith(b'"')


def test_a_domain_is_sent_as_a_labels_where_smtputf8_is_not_offered() -> None:
    assert commands.path("you@bücher.test", commands.BAD_RECIPIENT, utf8=False) == b"you@xn--bcher-kva.test"


def test_a_local_part_cannot_be_sent_without_smtputf8() -> None:
    with pytest.raises(Unsendable) as caught:
        commands.path("jö@bücher.test", commands.BAD_RECIPIENT, utf8=False)
    assert caught.value.reply.enhanced == "5.6.7"


def test_a_message_above_the_offered_size_is_not_tried() -> None:
    with pytest.raises(Unsendable) as caught:
        commands.check(outgoing(), Capabilities(takes_size=True, size_limit=10), verified=False)
    assert caught.value.reply.enhanced == "5.3.4"


@pytest.mark.parametrize(("offered", "verified"), [(NONE, True), (ALL, False)])
def test_requiretls_needs_the_extension_and_verified_tls(offered: Capabilities, verified: bool) -> None:
    with pytest.raises(Unsendable) as caught:
        commands.check(outgoing(requiretls=True), offered, verified=verified)
    assert caught.value.reply.enhanced == "5.7.30"
    commands.check(outgoing(requiretls=True), ALL, verified=True)
