"""Pinning replaces what a recipe says of its results, and nothing else."""

import tempfile
import unittest
from pathlib import Path

from builder import recipe
from builder.errors import BuildError
from builder.fetch import Downloads
from builder.pin import pin
from builder.progress import Progress

from .made import GRAPH, Workshop, recipe_text, sha256


class Pin(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.workshop = Workshop(Path(scratch.name))
        self.recipes = Path(scratch.name) / "models.toml"
        self.downloads = Downloads(self.workshop.downloads, Progress(self.workshop.said))
        self.workshop.downloaded(self.workshop.recipe())

    def test_results_are_replaced_and_other_packs_with_their_comments_stay(self) -> None:
        outdated = recipe_text(result_sha256="0" * 64)
        other = "\n# About the other one.\n" + recipe_text(name="other", result_sha256="1" * 64).lstrip()
        self.recipes.write_text(outdated + other, encoding="utf-8")
        pin(self.recipes, "tiny", self.downloads)
        pinned = recipe.read(self.recipes)
        self.assertEqual([(r.path, r.size, r.sha256) for r in pinned["tiny"].results], [("model.onnx", len(GRAPH), sha256(GRAPH))])
        self.assertTrue(self.recipes.read_text(encoding="utf-8").endswith(other))

    def test_a_pack_that_is_not_there_is_named(self) -> None:
        self.recipes.write_text(recipe_text(), encoding="utf-8")
        with self.assertRaisesRegex(BuildError, 'models.toml: there is no pack "huge"'):
            pin(self.recipes, "huge", self.downloads)


if __name__ == "__main__":
    unittest.main()
