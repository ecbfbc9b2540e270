"""The reply parser reads what servers say, however it arrives, and refuses what is no reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.clients.smtp.replies import LINE_LIMIT, TEXT_LIMIT, BadReply, ReplyParser, kept
from postroom.mail.reply import Reply

GOOD = [
    (b"250 2.1.0 Ok\r\n", Reply(250, "2.1.0", "Ok")),
    (b"250\r\n", Reply(250, "", "")),
    (b"250 \r\n", Reply(250, "", "")),
    (b"220 mx.test ESMTP\r\n", Reply(220, "", "mx.test ESMTP")),
    (b"550-5.1.1 No such user\r\n550 5.1.1 Sorry\r\n", Reply(550, "5.1.1", "No such user\nSorry")),
    (b"550-first\r\n550-\r\n550 5.7.1 last\r\n", Reply(550, "5.7.1", "first\n\nlast")),
    (b"250-mx.test\r\n250-PIPELINING\r\n250 SIZE 1000\r\n", Reply(250, "", "mx.test\nPIPELINING\nSIZE 1000")),
    (b"450 5.1.1 final all the same\r\n", Reply(450, "5.1.1", "final all the same")),
    (b"250 5.1.1 class of another code\r\n", Reply(250, "", "5.1.1 class of another code")),
    (b"250 2.0.0.1 an address\r\n", Reply(250, "", "2.0.0.1 an address")),
    (b"451 \xff\x00\x1b[31m\r\n", Reply(451, "", "\ufffd??[31m")),
    ("550 5.1.1 Größe\r\n".encode(), Reply(550, "5.1.1", "Größe")),
]
BAD = [
    b"hello\r\n",
    b"\r\n",
    b"25 x\r\n",
    b"650 x\r\n",
    b"150 x\r\n",
    b"2500 x\r\n",
    b"250_x\r\n",
    b"250-a\r\n251 b\r\n",
    b"250 a\nb\r\n",
    b"250 Ok\n",  # told at once, not after minutes of waiting for its CR
    b"250 a\rb\r\n",
    b"250 " + b"x" * LINE_LIMIT + b"\r\n",
    b"x" * (LINE_LIMIT + 1),
    b"250-x\r\n" * 129,
    (b"250-" + b"x" * 2000 + b"\r\n") * 20,
    b"\xb2\xb35 x\r\n",
]


def whole(data: bytes) -> list[Reply]:
    parser = ReplyParser()
    parser.feed(data)
    return drained(parser)


def one_by_one(data: bytes) -> list[Reply]:
    parser, found = ReplyParser(), []
    for octet in data:
        parser.feed(bytes([octet]))
        found += drained(parser)
    return found


def drained(parser: ReplyParser) -> list[Reply]:
    return list(iter(parser.take, None))


@pytest.mark.parametrize(("data", "reply"), GOOD)
def test_a_reply_is_read_whole_byte_by_byte_and_with_trailing_bytes(data: bytes, reply: Reply) -> None:
    assert whole(data) == one_by_one(data) == [reply]
    assert whole(data + b"250") == [reply]
    assert whole(data + data) == [reply, reply]


def test_a_line_that_is_known_as_a_reply_may_end_another_one() -> None:
    assert whole(b"250 Ok\r\n250-Yes\r\n250 Ok\r\n250 Ok\r\n") == [Reply(250, "", "Ok"), Reply(250, "", "Yes\nOk"), Reply(250, "", "Ok")]


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_reply_is_refused_however_it_arrives(data: bytes) -> None:
    with pytest.raises(BadReply):
        whole(data)
    with pytest.raises(BadReply):
        one_by_one(data)


SCRAPS = (b"250-", b"250 ", b"250", b"550 5.1.1 ", b"421 ", b"2", b"-", b"a", b"\xff", b"\r\n", b"\r", b"\n")
nearly = st.lists(st.sampled_from(SCRAPS), max_size=20).map(b"".join)


@given(st.binary(max_size=300) | nearly, st.lists(st.integers(1, 20), max_size=40))
def test_any_bytes_give_the_same_in_any_pieces(data: bytes, sizes: list[int]) -> None:
    assert outcome(data, [len(data) or 1]) == outcome(data, sizes) == outcome(data, [1] * len(data))


@given(st.lists(st.tuples(st.integers(200, 599), st.text(alphabet="ab 2.1é-", max_size=20)), max_size=6))
def test_replies_that_were_written_are_the_ones_read(replies: list[tuple[int, str]]) -> None:
    data = b"".join(f"{code} {text}\r\n".encode() for code, text in replies)
    assert [reply.code for reply in whole(data)] == [code for code, _ in replies]


def outcome(data: bytes, sizes: list[int]) -> tuple[list[Reply], str]:
    parser, found, at = ReplyParser(), [], 0
    try:
        for size in [*sizes, len(data) + 1]:
            parser.feed(data[at : at + size])
            at += size
            while (reply := parser.take()) is not None:
                found.append(reply)
    except BadReply as error:
        return found, type(error).__name__
    return found, ""


def test_endless_input_without_a_line_end_is_given_up_early() -> None:
    parser = ReplyParser()
    parser.feed(b"2" * 100_000)
    with pytest.raises(BadReply, match="longer"):
        parser.take()


@pytest.mark.parametrize(("data", "empty"), [(b"220 Go\r\n", True), (b"220 Go\r\n2", False), (b"220 Go\r\n250-a\r\n", False)])
def test_it_is_known_whether_more_than_the_reply_has_come(data: bytes, empty: bool) -> None:
    parser = ReplyParser()
    parser.feed(data)
    assert parser.take() == Reply(220, "", "Go")
    parser.take()
    assert parser.empty is empty


def test_the_kept_text_is_bounded() -> None:
    assert len(kept(Reply(550, "", "x" * 5000)).text) == TEXT_LIMIT
    assert kept(Reply(550, "5.1.1", "short")) == Reply(550, "5.1.1", "short")
