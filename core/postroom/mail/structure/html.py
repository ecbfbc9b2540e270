"""The text of HTML, piece by piece, in one pass: for previews and for search, not for showing."""

from __future__ import annotations

import re
from html import unescape

MAX_TAG = 16 * 1024  # a "<" without a ">" in so many characters is taken for text

_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")
_INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr"
)
_COMMENT = re.compile("-->")
_HIDDEN = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "title")}  # what stands in them is not shown
_LONGEST_END = len("</script")
_ENTITY_TAIL = re.compile(r"&[#A-Za-z0-9]{0,40}\Z")


class Stripper:
    """Feed HTML, get its text; tags that break a line become a space, others nothing."""

    def __init__(self) -> None:
        self._pending = ""
        self._until: re.Pattern[str] | None = None  # what ends the comment or the hidden element that we are in

    def feed(self, html: str, *, final: bool = False) -> str:
        """The text of what has been fed and was not returned before; ``final``: nothing will follow."""
        data = self._pending + html
        found: list[str] = []
        position = 0
        while position < len(data):
            behind = self._skip(data, position) if self._until else self._next(data, position, found, final=final)
            if behind < 0:
                break
            position = behind
        if self._until and position < len(data):
            position = max(position, len(data) - _LONGEST_END)
        self._pending = "" if final else data[position:]
        text = "".join(found)
        if not self._pending and not final and (tail := _ENTITY_TAIL.search(text, max(0, len(text) - 41))):
            self._pending, text = tail[0], text[: tail.start()]  # an entity that is cut in two
        return unescape(text) if "&" in text else text

    def _skip(self, data: str, position: int) -> int:
        assert self._until is not None
        match = self._until.search(data, position)
        if match is None:
            return -1
        behind = match.end() if self._until is _COMMENT else match.start()  # a closing tag is read as a tag
        self._until = None
        return behind

    def _next(self, data: str, position: int, found: list[str], *, final: bool) -> int:
        """Text up to a tag, or a tag; returns where it ends, -1 when more has to be known."""
        mark = data.find("<", position)
        if mark != position:
            found.append(data[position:mark] if mark > 0 else data[position:])
            return mark if mark > 0 else len(data)
        if data.startswith("<!--", mark):
            self._until = _COMMENT
            return mark + 4
        end = data.find(">", mark, mark + MAX_TAG)
        if end < 0 and len(data) - mark < MAX_TAG and not final:
            return -1
        name = _NAME.match(data, mark)
        if end < 0 or (name is None and data[mark + 1 : mark + 2] not in {"!", "?", "/"}):
            found.append("<")  # "a < b"
            return mark + 1
        tag = name[1].lower() if name else ""
        if not _INLINE.fullmatch(tag):
            found.append(" ")
        if data[mark + 1] != "/":
            self._until = _HIDDEN.get(tag)
        return end + 1
