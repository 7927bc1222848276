//! Greedy decoding under a grammar, within a token cap and a deadline.

use std::time::Instant;

use llguidance::Matcher;

use super::confidence::Tally;
use super::decoder::Decoder;
use super::prior::Steering;
use crate::Error;

/// Where an answer is broken off.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most tokens of an answer.
    pub tokens: usize,
    /// No model call begins after this.
    pub deadline: Instant,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The grammar and the model agree that it is whole.
    Complete,
    /// It reached its most tokens.
    TokenCap,
    /// Time ran out.
    Deadline,
}

/// An answer in tokens, without the end token.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// How many of them the grammar left no choice about.
    pub forced: usize,
    /// How often the graph ran.
    pub runs: usize,
    /// How it ended; only a [complete](Ending::Complete) one means anything.
    pub ending: Ending,
    /// That of exactly this answer among all the grammar allows.
    pub probability: f64,
}

/// Appends `prompt` to the decoder and decodes the likeliest answer that
/// `matcher` allows, `steering` having its say. Tokens that the grammar forces are not
/// asked for but appended, several in one run.
///
/// # Errors
/// [`Error::Inference`] when graph or grammar engine fail.
pub fn generate(
    decoder: &mut dyn Decoder,
    matcher: &mut Matcher,
    end_token: u32,
    prompt: &[u32],
    mut steering: Option<Steering<'_>>,
    limits: Limits,
) -> Result<Generation, Error> {
    let mut answer = Generation {
        tokens: Vec::new(),
        forced: 0,
        runs: 0,
        ending: Ending::Complete,
        probability: 1.0,
    };
    let mut tally = Tally::default();
    let mut pending = prompt.to_vec();
    loop {
        let forced = matcher.consume_ff_tokens();
        answer.forced += forced.len();
        answer.tokens.extend(&forced);
        if let Some(steering) = &mut steering {
            forced.iter().for_each(|token| steering.take(*token));
        }
        pending.extend(&forced);
        if let Some(problem) = matcher.get_error() {
            return Err(grammar_failed(problem));
        }
        if matcher.is_stopped() {
            break;
        }
        // One token must still fit, or the answer cannot be continued.
        if answer.tokens.len() >= limits.tokens {
            answer.ending = Ending::TokenCap;
            break;
        }
        if Instant::now() >= limits.deadline {
            answer.ending = Ending::Deadline;
            break;
        }
        let logits = decoder.advance(&pending)?;
        answer.runs += 1;
        pending.clear();
        let allowed = matcher
            .compute_mask()
            .map_err(|error| grammar_failed(error.to_string()))?;
        let logit = |token: u32| {
            let own = logits.get(token as usize).copied().unwrap_or(f32::NAN);
            let steering = steering.as_ref();
            own + steering.map_or(0.0, |steering| steering.logit(token))
        };
        let token = tally
            .choose(allowed.iter(), logit)
            .ok_or_else(|| grammar_failed("it allows no token".into()))?;
        matcher
            .consume_token(token)
            .map_err(|error| grammar_failed(error.to_string()))?;
        if token == end_token {
            break;
        }
        answer.tokens.push(token);
        pending.push(token);
        if let Some(steering) = &mut steering {
            steering.take(token);
        }
    }
    if answer.tokens.last() == Some(&end_token) {
        answer.tokens.pop(); // the grammar engine forces it where nothing else may follow
    }
    answer.probability = tally.probability();
    Ok(answer)
}

fn grammar_failed(problem: String) -> Error {
    Error::Inference {
        doing: "following its grammar",
        problem,
    }
}
