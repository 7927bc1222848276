"""English sentences of public sets that mean nothing to a car, where those sets are at hand.

CLINC150 (Larson et al. 2019, CC BY 3.0): the rows of intents that no pack
could serve. Half of every intent is for training, the other half for the
figure of false actuations.
"""

from __future__ import annotations

import json
from pathlib import Path

from .corpus import split_of

CLINC = "en_clinc_train_val.jsonl"

# Intents of CLINC150 that a car with media, telephone and navigation does serve,
# or that an assistant answers by itself; their rows are left out of both halves.
SERVED = {
    "change_volume", "play_music", "next_song", "make_call", "directions", "distance", "traffic", "gas", "gas_type",
    "current_location", "find_phone", "repeat", "cancel", "yes", "no", "maybe", "smart_home", "temperature",
    "weather", "mpg", "tire_pressure", "whisper_mode", "change_speed", "sync_device", "reset_settings", "oil_change_when",
    "oil_change_how", "jump_start", "last_maintenance", "schedule_maintenance", "tire_change", "text", "share_location",
    "what_song", "update_playlist", "user_name", "what_can_i_ask_you", "cancel_reservation", "restaurant_suggestion",
}  # fmt: skip


def unrelated(folder: Path | None, training: bool) -> list[str]:
    """Half of the unrelated rows: those for training, or the others."""
    if folder is None or not (folder / CLINC).exists():
        return []
    rows = [json.loads(line) for line in (folder / CLINC).read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["intent"] not in SERVED]
    return [text for text in texts if (split_of(f"half {text}") == "train") == training]
