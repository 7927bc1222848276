//! Reads `[[end_to_end]]`: which messages are protected, by which profile, and how many faults
//! they may have.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    dbc::Database,
    end_to_end::{DataId, Misplaced, Protection, Rules},
};

/// Defaults of AUTOSAR's state machine where the description says nothing.
const MAX_DELTA_COUNTER: u64 = 3;
const WINDOW: usize = 5;
const MAX_ERRORS: usize = 2;
const LONGEST_WINDOW: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtectionEntry {
    pub(super) message: String,
    profile: Spanned<String>,
    data_id: Option<u32>,
    data_ids: Option<Vec<u8>>,
    counter: String,
    crc: String,
    max_delta_counter: Option<u64>,
    window: Option<usize>,
    max_errors: Option<usize>,
    timeout_ms: Option<u64>,
}

impl ProtectionEntry {
    /// The protection; a message's timeout is `missed_cycles` of its cycles where none is given.
    /// Err is a sentence.
    pub(super) fn protection(
        &self,
        database: &Database,
        missed_cycles: u32,
    ) -> Result<Protection, String> {
        let message = database
            .message(&self.message)
            .map_err(|error| error.to_string())?;
        let signal = |name: &str| message.signal(name).map_err(|error| error.to_string());
        let data_id = match (self.data_id, &self.data_ids) {
            (Some(id), None) => DataId::One(id),
            (None, Some(ids)) => DataId::Sixteen(
                <[u8; 16]>::try_from(ids.as_slice())
                    .map_err(|_| format!("data_ids has {} numbers, not 16", ids.len()))?,
            ),
            _ => return Err("give either data_id or data_ids".into()),
        };
        let rules = Rules {
            max_delta_counter: self.max_delta_counter.unwrap_or(MAX_DELTA_COUNTER),
            window: self.window.unwrap_or(WINDOW),
            max_errors: self.max_errors.unwrap_or(MAX_ERRORS),
            timeout: match self.timeout_ms {
                Some(milliseconds) => Some(Duration::from_millis(milliseconds)),
                None => message
                    .cycle_time()
                    .map(|cycle| cycle.saturating_mul(missed_cycles)),
            },
        };
        if rules.max_delta_counter == 0
            || rules.max_delta_counter > 14
            || !(1..=LONGEST_WINDOW).contains(&rules.window)
            || rules.max_errors >= rules.window
            || rules.timeout.is_some_and(|timeout| timeout.is_zero())
        {
            return Err(format!(
                "max_delta_counter must be 1 to 14, window 1 to {LONGEST_WINDOW}, max_errors less \
                 than window, timeout_ms above 0"
            ));
        }
        let profile = self.profile.get_ref().parse()?;
        let (counter, crc) = (signal(&self.counter)?, signal(&self.crc)?);
        Protection::new(
            Arc::new(message.clone()),
            profile,
            &data_id,
            counter,
            crc,
            rules,
        )
        .map_err(|Misplaced(problem)| problem)
    }
}
