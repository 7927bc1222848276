"""The recipe file: read whole, and every mistake named by place and key."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from builder import __main__ as command
from builder import recipe
from builder.errors import BuildError

from .made import Workshop, recipe_text


class Recipes(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.workshop = Workshop(Path(scratch.name))

    def complaint(self, text: str) -> str:
        self.workshop.recipes.write_text(text, encoding="utf-8")
        with self.assertRaises(BuildError) as raised:
            recipe.read(self.workshop.recipes, machine="x86_64")
        return str(raised.exception)

    def test_the_projects_own_recipes_are_valid_for_both_processors(self) -> None:
        path = Path(__file__).resolve().parents[4] / "configs" / "models.toml"
        for machine in ("x86_64", "aarch64"):
            recipes = recipe.read(path, machine)
            self.assertIn("onnxruntime", recipes)
            for entry in recipes.values():
                names = [result.path for result in entry.results]
                self.assertEqual(len(names), len(set(names)), entry.name)

    def test_packs_may_be_named_behind_an_option(self) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = command.main(["install", "--store", str(self.workshop.recipes.parent / "store"), "no-such-pack"])
        self.assertEqual((code, 'no model pack "no-such-pack"' in said.getvalue()), (1, True), said.getvalue())

    def test_mistakes_are_named_by_file_pack_and_key(self) -> None:
        good = recipe_text()
        for text, expected in [
            ("[[pack", "models.toml: cannot be read"),
            ("", "models.toml: pack is missing"),
            (good + good, "pack tiny is described twice"),
            (recipe_text(kind="vad"), 'pack tiny: kind "vad" is unknown'),
            (recipe_text(name="../up"), 'name = "../up" is not of the form'),
            (recipe_text(sha256="12"), 'pack tiny: source: sha256 = "12"'),
            (recipe_text(size='"big"'), "pack tiny: source: size must be a int"),
            (good.replace('licence = "MIT"', ""), "pack tiny: licence is missing"),
            (good.replace('version = "1.0"\nfile', 'version = "1.0"\nmachine = "arm"\nfile'), "x86_64"),
        ]:
            with self.subTest(expected):
                self.assertIn(expected, self.complaint(text))

    def test_a_pack_like_another_has_its_sources_and_section_but_files_of_its_own(self) -> None:
        own = '[[pack]]\nname = "huge"\nlike = "tiny"\non_demand = true\n[pack.voice_activity]\nwindow_samples = 256\n'
        own += '[[pack.file]]\npath = "other.onnx"\nsize = 1\n'
        self.workshop.recipes.write_text(recipe_text() + own, encoding="utf-8")
        tiny, huge = recipe.read(self.workshop.recipes, machine="x86_64").values()
        self.assertEqual(huge.sources, tiny.sources)
        self.assertEqual(huge.section, tiny.section | {"window_samples": 256})
        self.assertEqual([result.path for result in huge.results], ["other.onnx"])
        self.assertEqual((tiny.on_demand, huge.on_demand), (False, True))
        complaint = self.complaint(own + recipe_text())
        self.assertIn('pack 1: like = "tiny" names no pack before it', complaint)

    def test_what_is_made_on_demand_is_not_made_unasked(self) -> None:
        text = recipe_text() + '[[pack]]\nname = "huge"\nlike = "tiny"\non_demand = true\n'
        text += '[[pack.file]]\npath = "model.onnx"\nsize = 11\n'
        self.workshop.recipes.write_text(text, encoding="utf-8")
        recipes = recipe.read(self.workshop.recipes, machine="x86_64")

        def chosen(*arguments: str) -> list[str]:
            options = command._parser().parse_args(arguments)
            return [entry.name for entry in command._chosen(recipes, options)]

        self.assertEqual(chosen("install"), ["tiny"])
        self.assertEqual(chosen("verify"), ["tiny"])
        self.assertEqual(chosen("install", "huge"), ["huge"])
        self.assertEqual(chosen("list"), ["tiny", "huge"])

    def test_any_change_of_a_recipe_changes_its_identity(self) -> None:
        self.assertEqual(self.workshop.recipe().identity, self.workshop.recipe().identity)
        changed = self.workshop.recipe(member="tiny_model/data/other.onnx")
        self.assertNotEqual(changed.identity, self.workshop.recipe().identity)

    def test_the_command_line_fails_with_one_sentence_and_no_traceback(self) -> None:
        self.workshop.recipe()
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = command.main(["install", "huge", "--recipes", str(self.workshop.recipes)])
        self.assertEqual(status, 1)
        self.assertEqual(said.getvalue(), 'error: there is no model pack "huge"; choose from tiny\n')
