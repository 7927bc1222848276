"""Teaches a small language model Codriver's commands: corpus -> samples -> adapter.

Runs on a developer's machine, never in a car. `python -m trainer --help` from
the folder above; `make train` and `make eval` call it.
"""
