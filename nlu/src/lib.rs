//! Text to commands: normalise, patterns, model.
