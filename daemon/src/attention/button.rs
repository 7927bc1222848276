//! A button whose contact bounces.

use std::time::{Duration, Instant};

/// Edges this soon after the one before are the contact's, not the thumb's.
pub const BOUNCE: Duration = Duration::from_millis(40);

/// What the speaker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Pressed: listen.
    Down,
    /// Let go: the request is complete, where the button is held while speaking.
    Up,
}

/// Tells presses from bounces. A press counts at once, for every millisecond is waited for; a
/// release counts once it has lasted.
#[derive(Debug, Default)]
pub struct Button {
    down: bool,
    /// The contact as it was last reported.
    contact: bool,
    changed: Option<Instant>,
}

impl Button {
    /// The contact was found closed or open.
    pub fn contact(&mut self, closed: bool, now: Instant) -> Option<Press> {
        if closed == self.contact {
            return None;
        }
        let settled = self
            .changed
            .is_none_or(|changed| now.saturating_duration_since(changed) >= BOUNCE);
        self.contact = closed;
        self.changed = Some(now);
        // Closed again after a release that lasted, but that nobody asked about: a new press.
        if closed && (!self.down || settled) {
            self.down = true;
            return Some(Press::Down);
        }
        None
    }

    /// When to ask [`settle`](Self::settle) next.
    pub fn due(&self) -> Option<Instant> {
        match (self.down, self.contact, self.changed) {
            (true, false, Some(changed)) => Some(changed + BOUNCE),
            _ => None,
        }
    }

    /// Whether the button was let go by `now`.
    pub fn settle(&mut self, now: Instant) -> Option<Press> {
        if self.due().is_some_and(|due| due <= now) {
            self.down = false;
            return Some(Press::Up);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64, start: Instant) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_bouncing_contact_is_one_press_and_one_release() {
        let start = Instant::now();
        let mut button = Button::default();
        let mut pressed = Vec::new();
        for (ms, closed) in [
            (0, true),
            (2, false),
            (3, true),
            (9, false),
            (10, true),
            (900, false),
            (903, true),
            (905, false),
        ] {
            pressed.extend(button.settle(after(ms, start)));
            pressed.extend(button.contact(closed, after(ms, start)));
        }
        assert_eq!(pressed, [Press::Down]);
        assert_eq!(button.due(), Some(after(945, start)));
        assert_eq!(button.settle(after(944, start)), None);
        assert_eq!(button.settle(after(945, start)), Some(Press::Up));
        assert_eq!(button.settle(after(2000, start)), None);
    }

    #[test]
    fn two_presses_a_moment_apart_are_two() {
        let start = Instant::now();
        let mut button = Button::default();
        assert_eq!(button.contact(true, start), Some(Press::Down));
        assert_eq!(button.contact(false, after(60, start)), None);
        assert_eq!(button.settle(after(100, start)), Some(Press::Up));
        assert_eq!(button.contact(true, after(160, start)), Some(Press::Down));
    }

    #[test]
    fn a_release_nobody_was_asked_about_still_ends_before_the_next_press() {
        let start = Instant::now();
        let mut button = Button::default();
        button.contact(true, start);
        button.contact(false, after(60, start));
        assert_eq!(button.contact(true, after(200, start)), Some(Press::Down));
    }

    #[test]
    fn a_contact_that_is_reported_over_and_over_is_pressed_once() {
        let start = Instant::now();
        let mut button = Button::default();
        let presses = (0..50).filter_map(|ms| button.contact(true, after(ms * 20, start)));
        assert_eq!(presses.count(), 1);
    }
}
