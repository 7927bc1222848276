"""Training of an adapter for the recogniser: whisper that knows what is said in a car."""
