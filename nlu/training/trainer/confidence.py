"""Fits what the probability of an answer is worth: how often answers of that probability are right."""

from __future__ import annotations

import json
import math
from pathlib import Path

from .tables import meant, right

LEAST_DOUBT = 1e-6
"""As in catalog/models/src/manifest.rs."""


def fit(answers: list[tuple[float, bool]]) -> tuple[float, float]:
    """(bias, slope) of `1 / (1 + exp(slope * ln(doubt) - bias))`, the likeliest for (probability, right)."""
    points = [(math.log(1 - probability + LEAST_DOUBT), right) for probability, right in answers]
    bias, slope = 0.0, 0.1
    for _ in range(50):  # Newton's steps; a little weight on the start keeps separable answers finite
        gradient_bias = gradient_slope = 0.0
        bias_bias, bias_slope, slope_slope = 1e-6, 0.0, 1e-6
        for doubt, right in points:
            share = 1 / (1 + math.exp(slope * doubt - bias))
            error, weight = right - share, share * (1 - share)
            gradient_bias += error
            gradient_slope -= error * doubt
            bias_bias += weight
            bias_slope -= weight * doubt
            slope_slope += weight * doubt * doubt
        determinant = bias_bias * slope_slope - bias_slope**2
        bias += (gradient_bias * slope_slope - gradient_slope * bias_slope) / determinant
        slope += (gradient_slope * bias_bias - gradient_bias * bias_slope) / determinant
    return bias, slope


def confidence(path: Path) -> str:
    """The manifest's line, fitted to the model's single answers that mean a command."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    single = [row for row in rows if meant(row["model"]) and not row["model"]["clauses"]]
    answers = [(row["probability"], right(meant(row["model"]), row)) for row in single]
    bias, slope = fit(answers)
    hits = sum(hit for _, hit in answers)
    return f"# {hits} of {len(answers)} answers are right\ncalibration = {{ bias = {bias:.3f}, slope = {slope:.3f} }}"
