//! The command prior's say in the choice of tokens.

use super::{CommandPrior, NOTHING};
use crate::model::vocabulary::Vocabulary;

/// This share of the probability goes to all labels alike: the classifier knows no words that
/// it never saw, and the language model may.
const DOUBT: f64 = 0.02;
/// That nothing is asked for is never less probable: words alone do not tell talk about a
/// command from the command, nor half of one from all of it.
const LEAST_NOTHING: f64 = 0.05;

/// What a [`CommandPrior`] expects of the answer to one utterance, followed through its tokens.
pub struct Steering<'a> {
    vocabulary: &'a Vocabulary,
    /// The beginning of every call that the classifier knows, up to its bracket, and what
    /// its command is worth.
    expected: Vec<(String, f64)>,
    /// What a command is worth that the classifier was not taught.
    least: f64,
    /// What is written of the present call.
    call: Vec<u8>,
    quoted: bool,
}

impl<'a> Steering<'a> {
    /// At the beginning of the answer to a [sanitised](crate::model::sanitise) utterance.
    pub fn new(prior: &CommandPrior, utterance: &str, vocabulary: &'a Vocabulary) -> Self {
        let labels = prior.labels.len() as f64;
        let expected = prior.probabilities(utterance).map(|(label, probability)| {
            let begins = match label {
                NOTHING => NOTHING.to_owned(),
                command => format!("{command}("),
            };
            let probability = match label {
                NOTHING => probability.max(LEAST_NOTHING),
                _ => probability,
            };
            let probability = (1.0 - DOUBT) * probability + DOUBT / labels;
            (begins, probability.powf(prior.weight))
        });
        Self {
            vocabulary,
            least: (DOUBT / labels).powf(prior.weight),
            expected: expected.collect(),
            call: Vec::new(),
            quoted: false,
        }
    }

    /// What is to be added to the logit of a token that may come next.
    pub fn logit(&self, token: u32) -> f32 {
        if self.call.contains(&b'(') {
            return 0.0; // the command is named; its arguments are not the classifier's affair
        }
        let mut call = self.call.clone();
        self.vocabulary.append(token, &mut call);
        let written = call.trim_ascii_start();
        let worth: f64 = self
            .expected
            .iter()
            .filter(|(begins, _)| {
                let begins = begins.as_bytes();
                begins.starts_with(written) || written.starts_with(begins)
            })
            .map(|(_, worth)| worth)
            .sum();
        worth.max(self.least).ln() as f32
    }

    /// Goes on with a token that was chosen or forced.
    pub fn take(&mut self, token: u32) {
        let mut bytes = Vec::new();
        self.vocabulary.append(token, &mut bytes);
        for byte in bytes {
            match byte {
                b';' if !self.quoted => self.call.clear(),
                _ => self.call.push(byte),
            }
            self.quoted ^= byte == b'"';
        }
    }
}
