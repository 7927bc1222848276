"""The one error of this package that a person is meant to read."""


class TrainingError(Exception):
    """Says what is wrong, where, and what to do."""
