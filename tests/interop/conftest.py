"""Fixtures that several files of these tests share."""

from tests.interop.ways import ways

__all__ = ["ways"]
