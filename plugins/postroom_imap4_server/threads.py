"""Threads of messages: who answers whom (RFC 5256 section 3, THREAD). Pure computing: works on columns, knows no mailbox.

How this works. Messages are numbers from 0; messages that others refer to and that are not here are numbers behind them: dummies. A
``Forest`` has the numbers that begin a thread, and for each number those that answer it. No step goes down a thread by calling itself,
because a thread may be as deep as a mailbox is long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from . import gentle

DEEPEST = 1_000  # answers to answers; what would be deeper begins a thread of its own (a search for loops goes all the way up)


class Letters(NamedTuple):
    """The messages, each value of one message, all of one length."""

    ids: Sequence[str]  # Message-ID, "" for none
    references: Sequence[str]  # separated by spaces, the first ancestor first
    dates: Sequence[int]  # when they were sent
    subjects: Sequence[str]  # base subjects
    replies: Sequence[int]  # whether the subject says that it is a reply or forward


class Forest(NamedTuple):
    """Threads; the other numbers are dummies."""

    roots: list[int]
    children: dict[int, list[int]]
    messages: int  # numbers below it are messages


def references(letters: Letters) -> Forest:
    """THREAD=REFERENCES."""
    parents = _linked(letters)
    forest = _pruned(parents, len(letters.ids))
    _sort(forest, letters.dates)
    forest = _grouped(forest, letters)
    _sort(forest, letters.dates)
    return forest


def ordered_subject(letters: Letters) -> Forest:
    """THREAD=ORDEREDSUBJECT: all of one base subject answer the first of them."""
    groups: dict[str, list[int]] = {}
    for number in gentle.ordered(range(len(letters.ids)), letters.dates.__getitem__):
        groups.setdefault(letters.subjects[number], []).append(number)
    children = {members[0]: members[1:] for members in groups.values() if len(members) > 1}
    return Forest([members[0] for members in groups.values()], children, len(letters.ids))


def _linked(letters: Letters) -> list[int]:
    """Step 1: the parent of each number, -1 for none."""
    numbers: dict[str, int] = {}
    for number, name in enumerate(letters.ids):
        if name:
            numbers.setdefault(name, number)  # of equal ids the first has it, the others have none
    parents = [-1] * len(letters.ids)
    for number, written in enumerate(letters.references):
        last = -1
        for name in written.split():
            this = numbers.get(name)
            if this is None:
                this = numbers[name] = len(parents)
                parents.append(-1)
            if last >= 0 and parents[this] < 0 and this != last and not _above(parents, this, last):
                parents[this] = last
            last = this
        parents[number] = -1  # what others say of it counts less than what it says itself
        if last >= 0 and last != number and not _above(parents, number, last):
            parents[number] = last
    return parents


def _above(parents: list[int], one: int, other: int) -> bool:
    """Whether ``one`` is an ancestor of ``other``, or too far below the beginning to tell."""
    for _ in range(DEEPEST):
        other = parents[other]
        if other < 0:
            return False
        if other == one:
            return True
    return True


def _pruned(parents: list[int], count: int) -> Forest:
    """Steps 2 and 3: dummies go, and what answers them takes their place, unless that would tear a thread in two."""
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for number, parent in enumerate(parents):
        (roots if parent < 0 else children.setdefault(parent, [])).append(number)
    for number in reversed(_downwards(roots, children)):
        if number in children:
            children[number] = _without_dummies(children[number], children, count)
    kept: list[int] = []
    for root in roots:
        below = children.get(root, [])
        if root >= count and len(below) < 2:
            kept += below
        else:
            kept.append(root)
    return Forest(kept, {number: below for number, below in children.items() if below}, count)


def _without_dummies(numbers: list[int], children: dict[int, list[int]], count: int) -> list[int]:
    return [one for number in numbers for one in ([number] if number < count else children.pop(number, []))]


def _downwards(roots: list[int], children: dict[int, list[int]]) -> list[int]:
    """All numbers, each before those that answer it."""
    found, waiting = [], list(roots)
    while waiting:
        number = waiting.pop()
        found.append(number)
        waiting += children.get(number, ())
    return found


def _sort(forest: Forest, dates: Sequence[int]) -> None:
    """Steps 4 and 6: brothers by date, then by number; a dummy is as old as the first that answers it."""

    def age(number: int) -> tuple[int, int]:
        first = number if number < forest.messages else forest.children[number][0]
        return dates[first], first

    for below in forest.children.values():
        if len(below) > 1:
            below[:] = gentle.ordered(below, age)
    forest.roots[:] = gentle.ordered(forest.roots, age)


def _grouped(forest: Forest, letters: Letters) -> Forest:
    """Step 5: threads of one base subject become one."""

    def first(root: int) -> int:
        return root if root < forest.messages else forest.children[root][0]

    leaders = _leaders(forest, letters)
    roots: dict[int, None] = dict.fromkeys(forest.roots)
    fresh = max([forest.messages, *(root + 1 for root in forest.roots)])
    children = forest.children
    for root in forest.roots:
        subject = letters.subjects[first(root)]
        leader = leaders.get(subject, root)
        if leader == root or root not in roots:
            continue
        del roots[root]
        if leader >= forest.messages:
            children[leader] += children.pop(root) if root >= forest.messages else [root]
        elif letters.replies[first(root)] and not letters.replies[leader]:
            children.setdefault(leader, []).append(root)
        else:  # neither answers the other: a dummy above both
            del roots[leader]
            children[fresh] = [leader, root]
            roots[fresh] = None
            leaders[subject] = fresh
            fresh += 1
    return Forest(list(roots), children, forest.messages)


def _leaders(forest: Forest, letters: Letters) -> dict[str, int]:
    """For each base subject the thread that the others of that subject join: best a dummy, next best one that is no reply."""
    leaders: dict[str, int] = {}
    for root in forest.roots:
        message = root if root < forest.messages else forest.children[root][0]
        subject = letters.subjects[message]
        if not subject:
            continue
        leader = leaders.setdefault(subject, root)
        if leader < forest.messages and (root >= forest.messages or (letters.replies[leader] and not letters.replies[message])):
            leaders[subject] = root
    return leaders


def written(forest: Forest, names: Sequence[int]) -> bytes:
    """The threads as THREAD tells them, ``(2)(3 6 (4 23)(44 7 96))``; ``names``: what the client calls each message."""
    parts: list[str] = []
    for root in forest.roots:
        waiting: list[int | str] = [root]
        parts.append("(")
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                parts.append(one)
                continue
            if one < forest.messages:
                parts.append(str(names[one]))
            below = forest.children.get(one, ())
            if len(below) == 1:
                waiting.append(below[0])
                parts.append(" ")
            elif below:
                if one < forest.messages:
                    parts.append(" ")
                for answer in reversed(below):
                    waiting += (")", answer, "(")
        parts.append(")")
    return "".join(parts).encode("ascii")
