//! How sure a model was of an answer decoded under a grammar.

/// Chooses tokens greedily and keeps count of how sure each choice was.
///
/// A choice is a position at which the grammar allowed more than one token; its
/// probability is that of the chosen token among the allowed ones. What the
/// grammar forces counts for nothing.
#[derive(Debug, Default)]
pub struct Tally {
    log_sum: f64,
}

impl Tally {
    /// The allowed token with the largest logit, the first of equals; `None`
    /// when none is allowed. `logit` tells an allowed token's; one that is not a number
    /// is not allowed.
    pub fn choose(
        &mut self,
        allowed: impl IntoIterator<Item = u32>,
        logit: impl Fn(u32) -> f32,
    ) -> Option<u32> {
        let allowed = allowed.into_iter().map(|token| (token, logit(token)));
        let allowed: Vec<_> = allowed.filter(|(_, logit)| !logit.is_nan()).collect();
        let (token, largest) = allowed.iter().fold(*allowed.first()?, |best, other| {
            if other.1 > best.1 { *other } else { best }
        });
        let sum: f64 = allowed
            .iter()
            .map(|(_, logit)| f64::from(logit - largest).exp())
            .sum();
        self.log_sum -= sum.ln();
        Some(token)
    }

    /// The product of the choices' probabilities: that of exactly this answer
    /// among all the grammar allows. One where there was nothing to choose.
    pub fn probability(&self) -> f64 {
        self.log_sum.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(tally: &mut Tally, logits: &[f32], allowed: &[u32]) -> Option<u32> {
        let logit = |token: u32| logits.get(token as usize).copied().unwrap_or(f32::NAN);
        tally.choose(allowed.iter().copied(), logit)
    }

    #[test]
    fn the_likeliest_allowed_token_is_chosen_with_its_share_of_the_allowed() {
        let mut tally = Tally::default();
        let logits = [9.0, 0.0, 2f32.ln(), 0.0];
        assert_eq!(choose(&mut tally, &logits, &[1, 2, 3]), Some(2));
        assert!((tally.probability() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_forced_token_says_nothing_about_confidence() {
        let mut tally = Tally::default();
        assert_eq!(choose(&mut tally, &[-50.0, 50.0], &[0]), Some(0));
        assert!((tally.probability() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_probability_is_the_product_of_the_choices() {
        let mut tally = Tally::default();
        choose(&mut tally, &[0.0, 0.0], &[0, 1]); // 1/2
        choose(&mut tally, &[0.0; 8], &[0, 1, 2, 3, 4, 5, 6, 7]); // 1/8
        assert!((tally.probability() - 1.0 / 16.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_chosen_where_nothing_is_allowed_or_the_logits_are_not_numbers() {
        let mut tally = Tally::default();
        assert_eq!(choose(&mut tally, &[1.0], &[]), None);
        assert_eq!(choose(&mut tally, &[f32::NAN], &[0]), None);
        assert_eq!(choose(&mut tally, &[1.0], &[7]), None);
    }
}
