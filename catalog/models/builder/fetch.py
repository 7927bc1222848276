"""Downloads pinned packages with pip into a cache that is addressed by sha256."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from . import disk
from .errors import BuildError, file_errors_as_sentences
from .progress import Progress, megabytes
from .recipe import Source

PIP_AT_LEAST = (25, 1)
"""The first pip with --resume-retries."""

_PART = ".part"
_RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_HASH_MARKS = ("DO NOT MATCH THE HASHES", "HashMismatch")
_NETWORK_MARKS = (
    "NameResolutionError",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionResetError",
    "ProtocolError",
    "ProxyError",
    "SSLError",
    "IncompleteRead",
    "IncompleteDownload",
    "incomplete-download",
    "Failed to establish a new connection",
    "Connection to ",
    "Network is unreachable",
)


class Downloads:
    """The download cache: `<directory>/<sha256>/<file>`, each file complete and checked."""

    def __init__(self, directory: Path, progress: Progress) -> None:
        self._directory = directory
        self._progress = progress

    def path(self, source: Source) -> Path:
        """Where `source` lies once it is fetched."""
        return self._directory / source.sha256 / source.file

    def has(self, source: Source) -> bool:
        """True when `source` was fetched completely. Its hash is checked when it is used."""
        try:
            return self.path(source).stat().st_size == source.size
        except OSError:
            return False

    def fetch(self, source: Source) -> Path:
        """The checked file of `source`: from the cache, or downloaded into it."""
        final = self.path(source)
        with file_errors_as_sentences(self._directory):
            if self.has(source):
                if disk.sha256(final) == source.sha256:
                    return final
                self._progress.line(f"{final} is damaged; fetching it again")
            shutil.rmtree(final.parent, ignore_errors=True)
            part = final.parent.with_name(final.parent.name + _PART)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._progress.line(f"fetching {source.package} {source.version} ({megabytes(source.size)})")
        try:
            self._pip_download(source, part)
            with file_errors_as_sentences(part):
                self._check(source, part / source.file)
                disk.sync(part / source.file)
                os.rename(part, final.parent)
                disk.sync(self._directory)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return final

    def remove_stale(self) -> None:
        """Removes what interrupted runs left behind. Call with the directory locked."""
        for stale in self._directory.glob(f"*{_PART}"):
            shutil.rmtree(stale, ignore_errors=True)

    def _pip_download(self, source: Source, into: Path) -> None:
        require_pip()
        requirement = into / "requirements.txt"
        pin = f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n"
        with file_errors_as_sentences(into):
            requirement.write_text(pin, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"),
            # pip's own cache would keep every wheel a second time.
            *("--no-cache-dir", "--retries", "3", "--timeout", "30", "--resume-retries", "10"),
            *("download", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--progress-bar", "raw", "--dest", str(into), "-r", str(requirement)),
            *_platform_arguments(source),
        ]
        said: list[str] = []
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                for line in process.stdout or ():
                    moved = _RAW_PROGRESS.match(line)
                    if moved:
                        self._progress.bar(source.package, int(moved[1]), int(moved[2]))
                    else:
                        said.append(line.strip())
                status = process.wait()
            finally:
                # Ctrl-C and errors: no download goes on without its builder.
                process.terminate()
        if status != 0:
            raise BuildError(explain_failure(source, said))
        requirement.unlink(missing_ok=True)

    def _check(self, source: Source, fetched: Path) -> None:
        if not fetched.is_file():
            raise BuildError(
                f"{source.package} {source.version} came without the file {source.file}; "
                "correct its name in the recipe file"
            )
        found = disk.sha256(fetched)
        if found != source.sha256:
            raise BuildError(wrong_hash(source, found))


def require_pip() -> None:
    """Fails when this Python has no pip, or one too old to resume a broken download."""
    wanted = ".".join(map(str, PIP_AT_LEAST))
    advice = f'make the environment again: {sys.executable} -m pip install "pip>={wanted}"'
    try:
        version = metadata.version("pip")
    except metadata.PackageNotFoundError:
        raise BuildError(
            f"{sys.executable} has no pip; create a virtual environment and install requirements.lock in it"
        ) from None
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < PIP_AT_LEAST:
        raise BuildError(f"pip {version} is too old to resume a broken download; {advice}")


def explain_failure(source: Source, said: list[str]) -> str:
    """One sentence out of what pip printed before it failed."""
    text = "\n".join(said)
    what = f"{source.package} {source.version}"
    if any(mark in text for mark in _HASH_MARKS):
        got = re.search(r"Got\s+([0-9a-f]{64})", text)
        return wrong_hash(source, got[1] if got else "another")
    if os.strerror(errno.ENOSPC) in text:
        return f"the disk is full while fetching {what}; free some space and run this again"
    if any(mark in text for mark in _NETWORK_MARKS):
        return (
            f"the package registry could not be reached to fetch {what}; check the network and run "
            "this again, finished downloads are kept"
        )
    errors = [line for line in said if line.startswith("ERROR")] or said[-1:] or ["no reason given"]
    return f"pip could not fetch {what}: {errors[0].removeprefix('ERROR:').strip()}"


def wrong_hash(source: Source, found: str) -> str:
    """The sentence for a file that is not the one that was pinned."""
    return (
        f"{source.file} has the sha256 {found} instead of {source.sha256}, so it is not the file that "
        "was pinned and is not used; do not install it, and report this"
    )


def _platform_arguments(source: Source) -> list[str]:
    # A wheel with compiled code is opened as an archive, never imported, so it
    # need not fit the Python that runs the builder.
    if source.is_pure:
        return []
    tags = re.fullmatch(r".+-(cp(\d)(\d+))-(cp\d+)-(.+)\.whl", source.file)
    if tags is None:
        raise BuildError(f"{source.file} is not the name of a wheel; correct it in the recipe file")
    arguments = ["--implementation", "cp", "--python-version", f"{tags[2]}.{tags[3]}", "--abi", tags[4]]
    for tag in tags[5].split("."):
        arguments += ["--platform", tag]
    return arguments
