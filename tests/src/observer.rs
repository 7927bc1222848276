//! Somebody else at the bus: reads every frame and decodes it by name.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use codriver_vehicle_bus::{
    dbc::Database,
    frame::{CanFrame, CanId},
    transport::{Address, Transport},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::Error;

const BACKLOG: usize = 4096;

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
    /// The same for people: values with unit or label.
    pub text: String,
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
    pub async fn attach(address: &Address, database: Database) -> Result<Self, Error> {
        let mut transport = Transport::open(address).await?;
        let (sender, frames) = mpsc::channel(BACKLOG);
        let task = tokio::spawn(async move {
            let mut last: HashMap<CanId, CanFrame> = HashMap::new();
            while let Ok(frame) = transport.receive().await {
                let at = Instant::now();
                let message = database.by_id(frame.id());
                let cyclic = message.is_some_and(|message| message.cycle_time().is_some());
                if last.insert(frame.id(), frame.clone()).as_ref() == Some(&frame) && cyclic {
                    continue;
                }
                if sender.send(describe(&database, frame, at)).await.is_err() {
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

fn describe(database: &Database, frame: CanFrame, at: Instant) -> Seen {
    let Some(message) = database.by_id(frame.id()) else {
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
    let signals = message.decode(frame.payload()).unwrap_or_default();
    Seen {
        at,
        message: message.name().to_owned(),
        sender: message.sender().unwrap_or_default().to_owned(),
        signals: signals
            .iter()
            .filter(|value| value.signal.start_value() != Some(value.raw))
            .map(|value| (value.signal.name().to_owned(), value.physical))
            .collect(),
        text: message.describe(frame.payload()),
        frame,
    }
}
