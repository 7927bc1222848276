//! The supervision of one received message, after the state machine of AUTOSAR's E2E protocol
//! specification (PRS_E2EProtocol, "E2E state machine").

use std::{collections::VecDeque, fmt, time::Duration};

use super::Protection;

/// How much may go wrong before a message is not believed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The counter may grow by this from one frame to the next: one less may be lost. At least 1.
    pub max_delta_counter: u64,
    /// The last so many frames are looked at. At least 1.
    pub window: usize,
    /// So many of them may be damaged.
    pub max_errors: usize,
    /// A gap as long as this begins the reception anew. None for a message that has no cycle time:
    /// each of its frames stands for itself, and its first one is believed.
    pub timeout: Option<Duration>,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The checksum does not fit the data, or the data id is that of another message.
    Checksum,
    /// The data id that the message carries is another one's.
    DataId,
    /// Another length.
    Length,
    /// The counter stands still.
    Repeated,
    /// The counter jumps.
    Sequence,
    /// Nothing is wrong with it, but with too many before it, or it is the first.
    NotYet,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Accepted,
    /// It may not.
    Rejected {
        /// Why.
        fault: Fault,
        /// Whether the message was believed before and is not any more: what it said is unknown
        /// from now on.
        lost: bool,
    },
}

/// Supervises one message. A message is believed from the second good frame on, and as long as
/// among the last frames one at least is good and no more than [`Rules::max_errors`] are damaged.
/// Only a good frame of a believed message is accepted.
#[derive(Debug, Clone)]
pub struct Receiver {
    protection: Protection,
    heard: Option<Heard>,
    recent: VecDeque<Check>,
    believed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    counter: Option<u64>,
    at: std::time::Instant,
}

/// One frame, for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Good,
    Error,
    /// First, repeated, or out of sequence: neither good nor an error.
    Neither,
}

impl Receiver {
    pub(super) fn new(protection: Protection) -> Self {
        Self {
            protection,
            heard: None,
            recent: VecDeque::new(),
            believed: false,
        }
    }

    /// Looks at a frame's payload; `now` never runs backwards.
    pub fn check(&mut self, payload: &[u8], now: std::time::Instant) -> Verdict {
        let rules = self.protection.rules();
        let before = self.believed;
        if let Some(heard) = self.heard
            && rules
                .timeout
                .is_some_and(|timeout| now.saturating_duration_since(heard.at) > timeout)
        {
            // What was said before the gap is unknown by its age already.
            self.heard = None;
            self.recent.clear();
            self.believed = false;
        }
        let last = self.heard.and_then(|heard| heard.counter);
        let (check, fault) = match self.protection.counter(payload) {
            Ok(counter) => {
                let judged = self.sequence(last, counter);
                self.heard = Some(Heard {
                    counter: Some(counter),
                    at: now,
                });
                judged
            }
            Err(fault) => {
                self.heard = Some(Heard {
                    counter: last,
                    at: now,
                });
                (Check::Error, fault)
            }
        };
        self.recent.push_back(check);
        while self.recent.len() > rules.window {
            self.recent.pop_front();
        }
        if rules.timeout.is_none() {
            return if check == Check::Good {
                Verdict::Accepted
            } else {
                Verdict::Rejected { fault, lost: false }
            };
        }
        let count = |wanted| self.recent.iter().filter(|each| **each == wanted).count();
        self.believed = count(Check::Good) > 0 && count(Check::Error) <= rules.max_errors;
        if self.believed && check == Check::Good {
            Verdict::Accepted
        } else {
            Verdict::Rejected {
                fault,
                lost: before && !self.believed,
            }
        }
    }

    fn sequence(&self, last: Option<u64>, counter: u64) -> (Check, Fault) {
        let highest = self.protection.last_counter();
        if counter > highest {
            return (Check::Error, Fault::Sequence);
        }
        let Some(last) = last else {
            return match self.protection.rules().timeout {
                Some(_) => (Check::Neither, Fault::NotYet),
                None => (Check::Good, Fault::NotYet),
            };
        };
        let delta = match counter.checked_sub(last) {
            Some(delta) => delta,
            None => counter + highest + 1 - last,
        };
        if delta == 0 {
            (Check::Neither, Fault::Repeated)
        } else if delta <= self.protection.rules().max_delta_counter {
            (Check::Good, Fault::NotYet)
        } else {
            (Check::Neither, Fault::Sequence)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "its checksum is wrong",
            Self::DataId => "its data id is another message's",
            Self::Length => "its length is wrong",
            Self::Repeated => "its counter stands still",
            Self::Sequence => "its counter jumps",
            Self::NotYet => "too few good frames came before it",
        })
    }
}

#[cfg(test)]
mod tests;
