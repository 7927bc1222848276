"""The ways in which packages become the files that the runtime loads."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable

from . import disk
from .archive import Archives
from .errors import BuildError

Conversion = Callable[[Archives, dict[str, Any], Path, Path], None]


def convert(archives: Archives, options: dict[str, Any], out_dir: Path, beside: Path) -> None:
    """Makes a pack's files in `out_dir` as the recipe's `conversion` table says.

    `members` (file in the pack -> path in a package) are copied as they are;
    `kind` names what is done beyond that. Files of the project that a
    conversion reads are named relative to `beside`, the recipe file's folder.
    """
    kind = options.get("kind", "copy")
    conversion = _CONVERSIONS.get(kind)
    if conversion is None:
        raise BuildError(f'conversion kind "{kind}" is unknown; use one of {", ".join(_CONVERSIONS)}')
    for name, member in options.get("members", {}).items():
        archives.extract([member], out_dir / name)
    try:
        conversion(archives, options, out_dir, beside)
    except KeyError as error:
        raise BuildError(f'conversion "{kind}" needs the option {error}; add it to the recipe file') from error


def _copy(archives: Archives, options: dict[str, Any], out_dir: Path, beside: Path) -> None:
    """Nothing beyond the members."""


def _whisper_to_ggml(archives: Archives, options: dict[str, Any], out_dir: Path, beside: Path) -> None:
    from . import adapter, ctranslate2, whisper_ggml

    model = ctranslate2.read(b"".join(archives.read(part) for part in options["model_parts"]))
    if "adapter" in options:
        model = adapter.AdaptedSpeech(model, adapter.read(_pinned(options["adapter"], beside)))
    with archives.open(options["mel_filters"]) as mel, archives.open(options["vocabulary"]) as vocabulary:
        assets = whisper_ggml.Assets.read(mel, vocabulary)
    whisper_ggml.write(model, assets, options["quantisation"], out_dir / options["output"])


def _gguf_to_onnx(archives: Archives, options: dict[str, Any], out_dir: Path, beside: Path) -> None:
    from . import adapter, language_pack
    from .npu_graph import Extent
    from .npu_quantise import Ranges

    changes, extent, ranges = None, None, None
    if "adapter" in options:
        changes = adapter.read(_pinned(options["adapter"], beside))
    if "npu" in options:
        npu = options["npu"]
        extent, ranges = Extent(npu["chunk"], npu["places"]), Ranges.read(_pinned(npu["ranges"], beside))
    with tempfile.TemporaryDirectory(dir=out_dir.parent, prefix=f"{out_dir.name}.") as scratch:
        gguf = Path(scratch) / "model.gguf"
        archives.extract(options["gguf_parts"], gguf)
        language_pack.convert(gguf, out_dir, changes, extent, ranges)
    if "prior" in options:
        shutil.copyfile(_pinned(options["prior"], beside), out_dir / "prior.safetensors")


def _pinned(entry: dict[str, Any], beside: Path) -> Path:
    """A file of the project, if it is the one that the recipe means."""
    path = beside / entry["path"]
    if path.is_file() and disk.sha256(path) != entry["sha256"]:
        raise BuildError(f"{path}: has another sha256 than the recipe file says; check it out again")
    return path


_CONVERSIONS: dict[str, Conversion] = {
    "copy": _copy,
    "whisper-to-ggml": _whisper_to_ggml,
    "gguf-to-onnx": _gguf_to_onnx,
}
