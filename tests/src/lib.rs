//! Whole-system scenarios, the simulated car, and the demo.
