"""Giving files to the user that the server runs as."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroom.ownership import hand_over

NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_all_of_a_folder_changes_hands_but_nothing_that_a_link_in_it_points_to(tmp_path: Path) -> None:
    """The user could put a link to /etc/shadow there, and would be given it at the next start."""
    outside = tmp_path / "shadow"
    outside.write_text("secret")
    folder = tmp_path / "data"
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "file").write_text("ours")
    (folder / "link").symlink_to(outside)
    hand_over(folder, NOBODY, NOBODY)
    assert outside.stat().st_uid == 0
    assert {path.lstat().st_uid for path in (folder, folder / "run", folder / "run" / "file", folder / "link")} == {NOBODY}


def test_a_file_that_goes_away_meanwhile_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")

    def gone(*arguments: object, **more: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "chown", gone)
    hand_over(tmp_path, os.getuid(), os.getgid())


def test_an_unknown_user_is_said_so() -> None:
    from postroom.ownership import identity

    with pytest.raises(LookupError):
        identity("nobody-of-that-name")
    with pytest.raises(LookupError):
        identity("root:nobody-of-that-name")
    assert identity("root:root") == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    hand_over(tmp_path / "data", NOBODY, NOBODY)
    assert (tmp_path / "disk").stat().st_uid == NOBODY
