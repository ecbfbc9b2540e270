"""Threads: the algorithms of RFC 5256 over messages given as a few words each."""

from __future__ import annotations

import random

import pytest

from postroom_imap4_server.threads import Letters, ordered_subject, references, written

NAMES = range(1, 10_000)


def letters(*rows: str) -> Letters:
    """Each row: ``id < references | subject``; a subject that begins with "re:" is a reply. They were sent one after the other."""
    ids, refs, subjects, replies = [], [], [], []
    for row in rows:
        head, _, subject = row.partition("|")
        name, _, before = head.partition("<")
        ids.append(name.strip())
        refs.append(before.strip())
        replies.append(int(subject.strip().startswith("re:")))
        subjects.append(subject.strip().removeprefix("re:").strip())
    return Letters(ids, refs, range(len(rows)), subjects, replies)


@pytest.mark.parametrize(
    ("rows", "threads"),
    [
        ((), ""),
        (("a", "b"), "(1)(2)"),
        (("a", "b < a", "c < a b"), "(1 2 3)"),
        (("a", "b < a", "c < a"), "(1 (2)(3))"),
        (("b < a", "a"), "(2 1)"),
        (("b < a", "c < a"), "((1)(2))"),  # what both answer is not here
        (("b < a",), "(1)"),
        (("c < a b", "a"), "(2 1)"),  # b is not here
        (("a", "a < a"), "(1 2)"),  # an id that is there twice belongs to the first
        (("a < b", "b < a"), "(2 1)"),  # a loop
        (("a < a",), "(1)"),
        (("a", "b < a", "c < a b", "d < a b", "e"), "(1 2 (3)(4))(5)"),
        (("a|x", "b|re: x"), "(1 2)"),  # by subject
        (("b|re: x", "a|x"), "(2 1)"),
        (("a|x", "b|x"), "((1)(2))"),
        (("a|x", "b|x", "c|re: x"), "((1)(2)(3))"),
        (("b < a|x", "c < a|x", "d|x"), "((1)(2)(3))"),
        (("b < a|x", "c < a|x", "e < d|x", "f < d|x"), "((1)(2)(3)(4))"),
        (("a|", "b|"), "(1)(2)"),
    ],
)
def test_references(rows: tuple[str, ...], threads: str) -> None:
    assert written(references(letters(*rows)), NAMES).decode() == threads


@pytest.mark.parametrize(
    ("rows", "threads"),
    [((), ""), (("a|x", "b|y", "c|x"), "(1 3)(2)"), (("a|x", "b|x", "c|x"), "(1 (2)(3))"), (("a|x",), "(1)")],
)
def test_ordered_subject(rows: tuple[str, ...], threads: str) -> None:
    assert written(ordered_subject(letters(*rows)), NAMES).decode() == threads


def test_a_thread_may_be_as_deep_as_a_mailbox_is_long() -> None:
    rows = [f"m{number}" + (f" < m{number - 1}" if number else "") for number in range(5_000)]
    text = written(references(letters(*rows)), NAMES).decode()
    assert sorted(int(one) for one in text.replace("(", " ").replace(")", " ").split()) == list(range(1, 5_001))


def test_whatever_messages_say_each_is_in_one_thread() -> None:
    chance = random.Random(5)
    for _ in range(300):
        count = chance.randint(1, 25)
        rows = [
            f"m{chance.randint(0, 15)} < {' '.join(f'm{chance.randint(0, 20)}' for _ in range(chance.randint(0, 4)))}"
            f"|{chance.choice(('', 'x', 're: x', 'y', 're: y'))}"
            for _ in range(count)
        ]
        for algorithm in (references, ordered_subject):
            text = written(algorithm(letters(*rows)), NAMES).decode()
            assert sorted(int(one) for one in text.replace("(", " ").replace(")", " ").split()) == list(range(1, count + 1))
            assert text.count("(") == text.count(")")
