//! Likeness by sound: what a recogniser may have written for a word that was said.

pub mod english;
pub mod mandarin;
