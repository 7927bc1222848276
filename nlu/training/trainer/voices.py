"""Who speaks: voices to train with, and others to measure with. No voice is in both.

Kokoro's names say accent and sex: `af_` an American woman, `bm_` a British man, `zf_` a Chinese woman,
`jm_` a Japanese man. `speaking.Voices` says how the other names are read.
"""

from __future__ import annotations

import random

HELD_OUT = {
    "en": ("af_heart", "am_michael", "bf_emma", "bm_george", "af_sarah", "am_puck", "joe"),
    "zh": ("zf_xiaoxiao", "zm_yunxi", "zf_xiaoni"),
}
"""Figures are made of these. joe is of another synthesiser than all the rest."""

TRAINING = {
    "en": (
        *("af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river", "af_sky"),
        *("am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_onyx", "am_santa"),
        *("bf_alice", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_lewis"),
    ),
    "zh": ("zf_xiaobei", "zf_xiaoyi", "zm_yunjian", "zm_yunxia", "zm_yunyang"),
}
"""Native speakers."""

ACCENTED = ("jf_alpha", "jf_gongitsune", "jf_tebukuro", "jm_kumo")
"""Japanese speakers of both languages. jf_nezumi is left out: the recogniser makes nothing of her."""
ACCENTED_SHARE = 0.12
MIXED_SHARE = 0.4
"""Of two native speakers at once, which is the voice of a third."""

_DIALECTS = {
    "en": ("en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-029"),
    "zh": ("cmn",),
}
_TIMBRES = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5", "+klatt", "+klatt2")


def natural(language: str, rng: random.Random) -> str:
    """A training voice that sounds like a person."""
    if rng.random() < ACCENTED_SHARE:
        return rng.choice(ACCENTED)
    voice = rng.choice(TRAINING[language])
    if rng.random() >= MIXED_SHARE:
        return voice
    # Of one accent: the sounds of a sentence are those of the first.
    others = [other for other in TRAINING[language] if other[0] == voice[0] and other != voice]
    return f"{voice}+{rng.choice(others)}"


def mechanical(language: str, rng: random.Random) -> str:
    """One of espeak-ng's many: a hundredth of the time of a natural one. Nobody understands its Mandarin."""
    return f"espeak:{rng.choice(_DIALECTS[language])}{rng.choice(_TIMBRES)}@{rng.randrange(25, 80)}"


def any_voice(language: str, share: float, rng: random.Random) -> str:
    """A natural voice with the probability `share`, else a mechanical one."""
    return natural(language, rng) if rng.random() < share else mechanical(language, rng)
