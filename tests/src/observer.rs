//! Somebody else at the bus: reads every frame and decodes it by name.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    dbc::SendType,
    description::Description,
    frame::{CanFrame, CanId},
    transport::{Address, Received, Transport},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::Error;

const BACKLOG: usize = 4096;

/// The sender of requests in the vehicle description.
const REQUESTER: &str = "IVI";

/// A frame that was on the bus.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it arrived here.
    pub at: Instant,
    /// The frame.
    pub frame: CanFrame,
    /// Its message's name, or its identifier.
    pub message: String,
    /// Who sends this message, by the DBC.
    pub sender: String,
    /// Signals that are not idle, with their physical values.
    pub signals: Vec<(String, f64)>,
    /// For people: values with unit or label; of a cyclic message those that changed.
    pub text: String,
}

impl Seen {
    /// Whether it left for the car; the others are the car's own.
    pub fn is_request(&self) -> bool {
        self.sender == REQUESTER
    }
}

/// Watches the bus and passes on what is new: of cyclic messages only those that changed.
#[derive(Debug)]
pub struct Observer {
    frames: mpsc::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Attaches to the bus.
    ///
    /// # Errors
    /// The bus does not answer.
    pub async fn attach(address: &Address, description: Description) -> Result<Self, Error> {
        let mut transport = Transport::open(address).await?;
        let (sender, frames) = mpsc::channel(BACKLOG);
        let task = tokio::spawn(async move {
            let mut last: HashMap<(CanId, String), Seen> = HashMap::new();
            while let Ok(received) = transport.receive().await {
                let Received::Frame(frame) = received else {
                    continue;
                };
                let at = Instant::now();
                let seen = describe(&description, frame, at);
                let message = description.database().by_id(seen.frame.id());
                let send_type = message.map(|message| message.send_type());
                let cyclic = send_type.is_some_and(|send_type| send_type.cycle_time().is_some());
                // The pages of a multiplexed message are news of their own.
                let page = message.map_or_else(String::new, |message| {
                    let decoded = message.decode(seen.frame.payload()).unwrap_or_default();
                    decoded.iter().map(|value| value.signal.name()).collect()
                });
                let before = last.insert((seen.frame.id(), page), seen.clone());
                // A status that is sent all the time is news only when it changes.
                let is_news = match &before {
                    Some(before) => !cyclic || before.signals != seen.signals,
                    None => !matches!(send_type, Some(SendType::Cyclic(_))),
                };
                if !is_news {
                    continue;
                }
                let before = before.filter(|_| cyclic);
                let text = changed(
                    &seen.text,
                    &before.map(|before| before.text).unwrap_or_default(),
                );
                if sender.send(Seen { text, ..seen }).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { frames, task })
    }

    /// The next new frame; None when there is none in time or the bus is gone.
    pub async fn next(&mut self, within: Duration) -> Option<Seen> {
        timeout(within, self.frames.recv()).await.ok()?
    }

    /// What has been seen so far and was not taken.
    pub fn drain(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.frames.try_recv().ok()).collect()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A frame by name; its text is whole.
fn describe(description: &Description, frame: CanFrame, at: Instant) -> Seen {
    let Some(message) = description.database().by_id(frame.id()) else {
        let message = frame.id().to_string();
        return Seen {
            at,
            frame,
            message,
            sender: String::new(),
            signals: vec![],
            text: String::new(),
        };
    };
    let protection = description.protection(frame.id());
    let signals = message.decode(frame.payload()).unwrap_or_default();
    Seen {
        at,
        message: message.name().to_owned(),
        sender: message.sender().unwrap_or_default().to_owned(),
        signals: signals
            .iter()
            .filter(|value| value.signal.start_value() != Some(value.raw))
            .filter(|value| protection.is_none_or(|each| !each.uses(value.signal.name())))
            .map(|value| (value.signal.name().to_owned(), value.physical))
            .collect(),
        text: description.describe(&frame),
        frame,
    }
}

/// Of `Name{a=1, b=2}` the parts that `before` does not have.
fn changed(now: &str, before: &str) -> String {
    let parts = |text: &str| -> Vec<String> {
        let inner = text.split_once('{').map_or("", |(_, inner)| inner);
        inner
            .trim_end_matches('}')
            .split(", ")
            .map(str::to_owned)
            .collect()
    };
    let before = parts(before);
    let name = now.split('{').next().unwrap_or_default();
    let news: Vec<_> = parts(now)
        .into_iter()
        .filter(|part| !before.contains(part))
        .collect();
    format!("{name}: {}", news.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_status_only_what_changed_is_told() {
        let text = changed("Light{Low=On, High=On}", "Light{Low=On, High=Off}");
        assert_eq!(text, "Light: High=On");
        assert_eq!(changed("Light{Low=On}", ""), "Light: Low=On");
    }
}
