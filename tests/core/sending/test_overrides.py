"""DNS overrides: which servers take mail for a domain, and what is wrong with a line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.config.places import WrongText
from postroom.mail.sending import MxServer
from postroom.sending.overrides import Overrides, Question
from tests.core.sending.refusing import refusal


def hosts(text: str, question: Question) -> list[str] | None:
    found = Overrides.parse(text).for_domain(question)
    return None if found is None else [server.host for server in found]


def test_a_domain_without_a_line_is_left_to_the_dns() -> None:
    found = Overrides.parse("gmail.com smtp.myisp.com")
    assert found.for_domain(Question("example.com")) is None
    assert found.explain(Question("example.com")) == ["no override holds for example.com: the DNS is asked"]


def test_a_line_names_the_server() -> None:
    assert Overrides.parse("gmail.com smtp.myisp.com").for_domain(Question("Gmail.COM")) == (MxServer("smtp.myisp.com", 25, 10),)


def test_a_line_may_hold_a_login_and_a_port() -> None:
    (found,) = Overrides.parse("* fred:Passw0rd@smtp.myisp.com:587").for_domain(Question("x.example")) or ()
    assert found == MxServer("smtp.myisp.com", 587, 10, "fred", "Passw0rd")


def test_a_password_may_hold_signs_and_in_quotes_spaces() -> None:
    (found,) = Overrides.parse('* "fred@isp.example:a:b@c d@[2001:db8::1]:587"').for_domain(Question("x.example")) or ()
    assert (found.host, found.port, found.username, found.password) == ("2001:db8::1", 587, "fred@isp.example", "a:b@c d")


def test_all_lines_that_match_apply_the_lowest_priority_first() -> None:
    text = "*.demon.co.uk b.example\n*.co.uk c.example $priority:5\n* d.example\nother.example e.example"
    assert hosts(text, Question("www.demon.co.uk")) == ["c.example", "b.example", "d.example"]


def test_end_stops_at_a_line_that_holds() -> None:
    text = "a.example one.example $end\n* two.example"
    assert hosts(text, Question("a.example")) == ["one.example"]
    assert hosts(text, Question("b.example")) == ["two.example"]


def test_the_same_server_twice_is_one() -> None:
    assert hosts("* one.example\n*.example one.example", Question("a.example")) == ["one.example"]


@pytest.mark.parametrize(
    ("qualifier", "question"),
    [
        ("$size>1MB", Question("a", size=(1 << 20) + 1)),
        ("$size<1000", Question("a", size=999)),
        ("$SIZE<>0", Question("a", size=1)),
        ("$failing>2h", Question("a", failing=7201)),
        ("$retries>=3", Question("a", retries=3)),
        ("$user:fr*", Question("a", user="Fred")),
        ("$from:*@example.com", Question("a", sender="joe@example.com")),
        ("$from:example.com", Question("a", sender="joe@example.com")),
        ("$from:<>", Question("a")),
    ],
)
def test_a_qualifier_holds(qualifier: str, question: Question) -> None:
    assert hosts(f"* one.example {qualifier}", question) == ["one.example"]
    assert hosts(f"* one.example {qualifier} $size>5GB", question) is None


@pytest.mark.parametrize("qualifier", ["$size>0", "$failing>0s", "$retries>0", "$user:*", "$from:*@*"])
def test_a_qualifier_does_not_hold(qualifier: str) -> None:
    assert hosts(f"* one.example {qualifier}", Question("a")) is None


@pytest.mark.parametrize("word", ["none", "starttls-if-available", "starttls", "tls"])
def test_tls_is_set_by_a_word(word: str) -> None:
    (found,) = Overrides.parse(f"* one.example $tls:{word}").for_domain(Question("a")) or ()
    assert (found.encryption, found.port) == (word, 465 if word == "tls" else 25)


def test_what_is_explained_shows_no_password() -> None:
    found = Overrides.parse("# relay\n*.example fred:Passw0rd@one.example:587 $priority:1 $failing>2h $tls:starttls $end  # a note")
    assert found.explain(Question("a.example", failing=9000)) == [
        "line 2: *.example goes to fred:***@one.example:587 (priority 1, $failing>2h, $tls:starttls, $end)"
    ]
    assert "Passw0rd" not in repr(found) + str(found.for_domain(Question("a.example", failing=9000)))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("example.com", 1, 12, "a domain and a server are expected, such as example.com smtp.isp.test:587"),
        ("joe@example.com one.example", 1, 4, "a domain is expected here, with * for anything and ? for one character"),
        ("# c\n a.example fred@one.example", 2, 12, "a user, a colon and a password are expected before the @ of a server"),
        ("a.example one.example:99999", 1, 11, "a port from 1 to 65535 is expected"),
        ("a.example $end", 1, 11, "a server is expected here, before the words that begin with $"),
        ("a.example one.example two.example", 1, 23, "a word that begins with $ is expected here, such as $priority:10 or $end"),
        ("a.example one.example $prority:1", 1, 23, "this qualifier is not known, did you mean $priority?"),
        ("a.example one.example $priority>1", 1, 23, "$priority is written like $priority:10"),
        ("a.example one.example $size:1", 1, 23, "$size is written like $size<1MB"),
        ("a.example one.example $size1000", 1, 23, "$size is written like $size<1MB"),
        ("a.example one.example $priority10", 1, 23, "$priority is written like $priority:10"),
        ("a.example one.example $priority:1 $priority:2", 1, 35, "$priority stands here twice"),
        ("a.example one.example $tls:tls $tls:none", 1, 32, "$tls stands here twice"),
        ("size<3 one.example", 1, 1, "an address or domain is expected, with * for anything and ? for one character"),
        ("a.example one.example $size>x", 1, 23, "a size above 0 is expected, such as 512KB, 10MB or 1GB"),
        ("a.example one.example $priority:70000", 1, 23, "a whole number from 0 to 65535 is expected"),
        ("a.example one.example $tls:ssl", 1, 23, "one of none, starttls-if-available, starttls, tls is expected after $tls:"),
        ("a.example one.example $end:1", 1, 23, "$end stands alone"),
        ('a.example "one.example', 1, 11, "the closing quote is missing, or no space follows it"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(WrongText) as caught:
        Overrides.parse(text)
    assert caught.value.faults == ((line, column, message),)


def test_all_that_is_wrong_in_a_line_is_told() -> None:
    with pytest.raises(WrongText) as caught:
        Overrides.parse("a@b fred@x $foo $tls:x")
    assert [fault.column for fault in caught.value.faults] == [2, 5, 12, 17]


SECRET = "h1dd3n"


@given(
    st.lists(st.sampled_from([SECRET, "fred", ":", "@", "host.example", " ", "$", '"', "*", "#", "[", "\n", "25"]), max_size=14).map(
        "".join
    )
)
def test_no_fault_repeats_a_password(text: str) -> None:
    assert SECRET not in str(refusal(lambda: Overrides.parse(text), WrongText))


def test_a_line_looks_the_same_whatever_its_password() -> None:
    one, other = (Overrides.parse(f"* fred:{password}@one.example") for password in ("first", "second"))
    assert one != other
    assert repr(one) == repr(other)
    assert one.explain(Question("a")) == other.explain(Question("a"))


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_overrides_or_wrong(text: str) -> None:
    question = Question("a.example", 1, 1.0, 1, "u", "a@b")
    wrong = refusal(lambda: Overrides.parse(f"* a.example {text}").for_domain(question), WrongText)
    assert wrong is None or wrong.faults
