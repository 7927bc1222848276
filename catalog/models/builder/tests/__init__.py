"""Offline tests of the builder: `python -m unittest discover -t . builder` in the folder above."""
