//! Sound to text: source, resample, voice activity, endpoint, recogniser.
