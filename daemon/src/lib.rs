//! Wires the rooms: codriverd and codriverctl.
