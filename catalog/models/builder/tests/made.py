"""Recipes and wheels made on the spot, so that tests need neither network nor real models."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

from builder.packs import Store
from builder.progress import Progress
from builder.recipe import Recipe, read

PLENTY = 10**12
WHEEL = "tiny_model-1.0-py3-none-any.whl"
GRAPH = b"graph bytes"


def wheel() -> bytes:
    """A package with one file in it, the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tiny_model/data/model.onnx"), GRAPH)
        about = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
        archive.writestr(zipfile.ZipInfo("tiny_model-1.0.dist-info/METADATA"), about)
        form = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(zipfile.ZipInfo("tiny_model-1.0.dist-info/WHEEL"), form)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def recipe_text(**changes: str) -> str:
    """A recipe file with one pack, `tiny`; `changes` replaces values by key."""
    values = {
        "name": "tiny",
        "kind": "voice-activity",
        "sha256": sha256(wheel()),
        "result_sha256": sha256(GRAPH),
        "size": str(len(wheel())),
        "member": "tiny_model/data/model.onnx",
    } | changes
    return """
[[pack]]
name = "{name}"
version = "1.0"
kind = "{kind}"
licence = "MIT"
languages = []
conversion = {{ members = {{ "model.onnx" = "{member}" }} }}
[pack.voice_activity]
graph = "model.onnx"
sample_rate_hz = 16000
window_samples = 512
context_samples = 64
[[pack.source]]
package = "tiny-model"
version = "1.0"
file = "tiny_model-1.0-py3-none-any.whl"
size = {size}
sha256 = "{sha256}"
[[pack.file]]
path = "model.onnx"
size = 11
sha256 = "{result_sha256}"
""".format(**values)


class Workshop:
    """A store and a download cache in a scratch directory, and what was said about them."""

    def __init__(self, scratch: Path) -> None:
        self.models = scratch / "models"
        self.downloads = scratch / "downloads"
        self.recipes = scratch / "models.toml"
        self.said = io.StringIO()

    def recipe(self, **changes: str) -> Recipe:
        self.recipes.write_text(recipe_text(**changes), encoding="utf-8")
        return next(iter(read(self.recipes, machine="x86_64").values()))

    def store(self, free: int = PLENTY) -> Store:
        return Store(self.models, self.downloads, Progress(self.said), free=lambda _: free)

    def downloaded(self, recipe: Recipe, data: bytes | None = None) -> Path:
        """Puts the pack's wheel (or `data` in its place) where a download would have left it."""
        path = self.downloads / recipe.sources[0].sha256 / WHEEL
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wheel() if data is None else data)
        return path

    def snapshot(self) -> dict[Path, tuple[int, int]]:
        """Every file of the store with its number and time of last change."""
        files = [path for path in self.models.rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def newer(recipe: Recipe) -> Recipe:
    """The same pack after somebody changed its recipe."""
    return replace(recipe, version="2.0", identity="another")
