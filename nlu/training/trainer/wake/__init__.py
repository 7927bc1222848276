"""Trains the head that listens for a wake phrase on top of a frozen speech embedding."""
