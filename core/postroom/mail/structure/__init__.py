"""The structure of a message by our own scanner: ENVELOPE, BODYSTRUCTURE, sections, preview, text to search, keys to sort by. No I/O."""

from .envelope import envelope
from .fields import header_fields
from .heading import Heading, heading, thread, thread_number
from .packing import BadPacking, dump, load
from .part import Part, find, message_of, walk
from .preview import preview
from .rendering import body, bodystructure
from .scanner import scan
from .texts import header_text, text_of, texts

__all__ = [
    "BadPacking",
    "Heading",
    "Part",
    "body",
    "bodystructure",
    "dump",
    "envelope",
    "find",
    "header_fields",
    "header_text",
    "heading",
    "load",
    "message_of",
    "preview",
    "scan",
    "text_of",
    "texts",
    "thread",
    "thread_number",
    "walk",
]
