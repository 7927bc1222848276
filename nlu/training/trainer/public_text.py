"""Sentences of public sets that mean nothing to a car, where those sets are at hand.

CLINC150 (Larson et al. 2019, CC BY 3.0), SLURP (Bastianelli et al. 2020,
CC BY 4.0), the SNIPS benchmark (CC0) and Home Assistant's test sentences
(CC BY 4.0): the rows of intents that no pack could serve. Most of every set is
for training, the rest for the figure of false actuations.
"""

from __future__ import annotations

import json
from pathlib import Path

from .corpus import split_of

# Intents that a car with media, telephone, messages and navigation does serve, or that an
# assistant answers by itself, or whose rows are mixed; they are left out of both halves.
SERVED_CLINC = {
    "change_volume", "play_music", "next_song", "make_call", "directions", "distance", "traffic", "gas", "gas_type",
    "current_location", "find_phone", "repeat", "cancel", "yes", "no", "maybe", "smart_home", "temperature",
    "weather", "mpg", "tire_pressure", "whisper_mode", "change_speed", "sync_device", "reset_settings", "oil_change_when",
    "oil_change_how", "jump_start", "last_maintenance", "schedule_maintenance", "tire_change", "text", "share_location",
    "what_song", "update_playlist", "user_name", "what_can_i_ask_you", "cancel_reservation", "restaurant_suggestion",
    "time", "date", "timezone", "change_accent", "change_language", "greeting", "goodbye", "thank_you", "shopping_list",
}  # fmt: skip
UNRELATED_SNIPS = {"GetWeather", "BookRestaurant", "RateBook", "SearchScreeningEvent"}
UNRELATED_SLURP = {
    "calendar_set", "calendar_query", "calendar_remove", "weather_query", "qa_factoid", "qa_definition", "qa_currency",
    "qa_stock", "qa_maths", "news_query", "email_query", "email_sendemail", "email_addcontact", "social_post",
    "social_query", "lists_query", "lists_remove", "lists_createoradd", "cooking_recipe", "transport_taxi",
    "transport_ticket", "takeaway_query", "takeaway_order", "alarm_set", "alarm_query", "alarm_remove", "iot_cleaning",
    "iot_coffee", "general_joke", "recommendation_movies", "recommendation_events",
}  # fmt: skip
UNRELATED_HOME = {
    "HassStartTimer", "HassDecreaseTimer", "HassIncreaseTimer", "HassTimerStatus", "HassCancelTimer",
    "HassCancelAllTimers", "HassUnpauseTimer", "HassPauseTimer", "HassShoppingListCompleteItem",
    "HassListCompleteItem", "HassVacuumReturnToBase", "HassVacuumStart", "HassShoppingListAddItem", "HassListAddItem",
}  # fmt: skip

SETS = (
    ("en_clinc_train_val.jsonl", lambda intent: intent not in SERVED_CLINC),
    ("en_slurp_devel.jsonl", UNRELATED_SLURP.__contains__),
    ("en_snips7.jsonl", UNRELATED_SNIPS.__contains__),
    ("ha_intents_en_zh.jsonl", UNRELATED_HOME.__contains__),
)


def unrelated(folder: Path | None, training: bool) -> dict[str, list[list[str]]]:
    """The unrelated rows for training, or the others: by language, one list a set."""
    found: dict[str, list[list[str]]] = {}
    for name, is_unrelated in SETS:
        if folder is None or not (folder / name).exists():
            continue
        by_language: dict[str, list[str]] = {}
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if is_unrelated(row["intent"]) and (split_of(f"half {row['text']}") == "train") == training:
                by_language.setdefault(row["lang"][:2], []).append(row["text"])
        for language, texts in by_language.items():
            found.setdefault(language, []).append(texts)
    return found
