"""Human speech from Debian: the announcements of Asterisk, 16 kHz in G.722 (CC BY-SA 3.0).

`tests/setup/packages-wake.txt` installs them. One speaker a language: the English one is for
measuring, the others are for training.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import recordings
from ..errors import TrainingError

INSTALLED = Path("/usr/share/asterisk/sounds")
MEASURED = "en"


def unpack(installed: Path, out: Path) -> None:
    """Writes `out`/train and `out`/test, once."""
    from G722 import G722

    paths = sorted(installed.glob("*/**/*.g722"))
    if not paths:
        raise TrainingError(f"{installed} holds no announcements; install tests/setup/packages-wake.txt")
    for path in paths:
        speaker = path.relative_to(installed).parts[0]
        kind = "test" if speaker.startswith(MEASURED) else "train"
        name = "-".join(path.relative_to(installed).with_suffix(".wav").parts)
        target = out / kind / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            # 64 kbit/s is 16,000 samples a second of two bytes each.
            samples = np.asarray(G722(16_000, 64_000).decode(path.read_bytes()), dtype="<i2")
            recordings.write(target, samples)
