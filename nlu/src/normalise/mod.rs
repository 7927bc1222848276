//! Text to tokens: one spelling for what may be written in many ways.
//!
//! English words are lower-cased, full-width forms become plain ones,
//! traditional characters simplified ones. Nothing is thrown away: every token
//! knows which bytes of the sentence it came from, and numbers are found as
//! [`Quantity`] spans *beside* the words, because "one" and 一 are not always numbers.

mod number;
mod quantity;
mod token;

pub use number::{NumberSpan, numbers};
pub use quantity::{Amount, Quantity, QuantityWords};
pub use token::{Script, Sentence, Token, words_of};
