"""Whose the files of the server are: those of the user that it runs as (``server.run_as``), whoever made them."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path


def identity(run_as: str) -> tuple[int, int]:
    """The user and group id of "user" or "user:group". Raises KeyError when there is none of that name."""
    name, _, group = run_as.partition(":")
    user = pwd.getpwnam(name)
    return user.pw_uid, grp.getgrnam(group).gr_gid if group else user.pw_gid


def hand_over(folder: Path, user: int, group: int) -> None:
    """Give a folder and all in it to these ids. Never what a link points to: the user could put one to a file of root's there."""
    folder = folder.resolve()  # the folder itself may be a link: that is the configuration's word
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # a running server's files come and go
            os.chown(path, user, group, follow_symlinks=False)
