//! The correction log: what was misunderstood, kept on this machine for its owner.
//!
//! Off unless the owner switches it on. Then every request that is answered becomes one line of
//! JSON: what was heard and how surely, what each tier understood, what was done, and which
//! earlier request it puts right. No audio is kept. Speech that was not meant for the assistant,
//! or may not have been, is not written down, and nothing is while the microphone is muted.
//!
//! One thread owns the files. The pipeline hands entries over and never waits: with
//! [`WAITING`] of them before it, an entry is dropped and counted.

mod correction;
mod entry;
mod service;
mod store;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;

use self::correction::Corrections;
use self::entry::Entry;
use self::store::{Store, Survey};
use crate::Error;
use crate::settings;

pub use correction::Correction;
pub use entry::{Draft, Turn};
pub use service::Service;

/// Entries and questions that wait for the log's thread.
const WAITING: usize = 32;
/// One reading brings about so many bytes of entries.
const PAGE_BYTES: usize = 256 * 1024;
/// A file system that takes longer is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The log, from anywhere in the daemon. A clone is the same log.
#[derive(Debug, Clone)]
pub struct CorrectionLog {
    enabled: bool,
    orders: SyncSender<Order>,
    report: Arc<Mutex<Report>>,
}

/// How the log is, for `codriverctl status` and `codriverctl log status`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether requests are written down.
    pub enabled: bool,
    /// Where.
    pub directory: PathBuf,
    /// The most that it may take.
    pub most_bytes: u32,
    /// What is there, also while it is off.
    #[serde(flatten)]
    pub survey: Survey,
    /// Entries that could not be written since the daemon was started.
    pub lost: u64,
    /// Why the last thing that was tried did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What the thread is asked for.
#[derive(Debug)]
enum Order {
    Note(Box<Draft>),
    Read {
        after: u64,
        answer: oneshot::Sender<Result<Vec<String>, Error>>,
    },
    Erase {
        before: Option<Timestamp>,
        answer: oneshot::Sender<Result<u64, Error>>,
    },
    Survey {
        answer: oneshot::Sender<Result<(), Error>>,
    },
}

impl CorrectionLog {
    /// Starts the log's thread, which ends with the last clone.
    ///
    /// # Errors
    /// [`Error::System`] when there can be no thread.
    pub fn start(settings: &settings::CorrectionLog) -> Result<Self, Error> {
        let (orders, taken) = sync_channel(WAITING);
        let report = Arc::new(Mutex::new(Report {
            enabled: settings.enabled,
            directory: settings.directory.clone(),
            most_bytes: settings.most_bytes,
            survey: Survey::default(),
            lost: 0,
            problem: None,
        }));
        let keeper = Keeper {
            directory: settings.directory.clone(),
            most_bytes: settings.most_bytes.into(),
            report: Arc::clone(&report),
        };
        std::thread::Builder::new()
            .name("correction-log".into())
            .spawn(move || keeper.run(&taken))
            .map_err(|source| Error::system("starting the correction log's thread", source))?;
        if settings.enabled {
            tracing::info!(directory = %settings.directory.display(), "the correction log is on");
        }
        Ok(Self {
            enabled: settings.enabled,
            orders,
            report,
        })
    }

    /// Writes a request down, where the log is on; what it holds is made only then.
    pub fn note(&self, draft: impl FnOnce() -> Draft) {
        if !self.enabled {
            return;
        }
        if let Err(error) = self.orders.try_send(Order::Note(Box::new(draft()))) {
            lock(&self.report).lost += 1;
            tracing::warn!(reason = reason(&error), "not in the correction log");
        }
    }

    /// How it is, as far as that is known without looking at the disk.
    pub fn report(&self) -> Report {
        lock(&self.report).clone()
    }

    /// How it is; what is on the disk is counted.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn surveyed(&self) -> Result<Report, Error> {
        self.ask(|answer| Order::Survey { answer }).await?;
        Ok(self.report())
    }

    /// Entries with a number beyond `after`, oldest first, as JSON; a page of them.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn read(&self, after: u64) -> Result<Vec<String>, Error> {
        self.ask(|answer| Order::Read { after, answer }).await
    }

    /// Erases everything, or what is from before a moment. How many entries that were.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn erase(&self, before: Option<Timestamp>) -> Result<u64, Error> {
        self.ask(|answer| Order::Erase { before, answer }).await
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Order,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let unanswered = |problem: &str| Error::Stage {
            stage: "correction log",
            problem: problem.to_owned(),
        };
        self.orders
            .try_send(order(answer))
            .map_err(|error| unanswered(reason(&error)))?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unanswered("its thread has ended; restart codriverd")),
            Err(_) => Err(unanswered("the disk does not answer; try again later")),
        }
    }
}

fn reason(error: &TrySendError<Order>) -> &'static str {
    match error {
        TrySendError::Full(_) => "too much waits to be written; try again in a moment",
        TrySendError::Disconnected(_) => "its thread has ended; restart codriverd",
    }
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    // Whole between any two statements, so a panic elsewhere does not spoil it.
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread.
struct Keeper {
    directory: PathBuf,
    most_bytes: u64,
    report: Arc<Mutex<Report>>,
}

impl Keeper {
    fn run(self, orders: &Receiver<Order>) {
        let mut store = Store::at(&self.directory, self.most_bytes);
        let mut corrections = Corrections::default();
        let surveyed = store.survey();
        self.tell(&store, &surveyed);
        // It sleeps until there is something to do, or nobody left to ask for it.
        while let Ok(order) = orders.recv() {
            match order {
                Order::Note(draft) => self.note(&mut store, &mut corrections, *draft),
                Order::Read { after, answer } => {
                    let _gone = answer.send(store.read(after, PAGE_BYTES));
                }
                Order::Erase { before, answer } => {
                    corrections.forget();
                    let erased = store.erase(before);
                    self.tell(&store, &erased);
                    let _gone = answer.send(erased);
                }
                Order::Survey { answer } => {
                    let surveyed = store.survey();
                    self.tell(&store, &surveyed);
                    let _gone = answer.send(surveyed);
                }
            }
        }
    }

    fn note(&self, store: &mut Store, corrections: &mut Corrections, draft: Draft) {
        let number = store.next();
        let corrects = corrections.take(number, &draft, Instant::now());
        let entry = Entry {
            entry: number,
            at: draft.at.to_string(),
            corrects,
            content: draft.content,
        };
        let written = store.append(&entry);
        self.tell(store, &written);
        if written.is_err() {
            lock(&self.report).lost += 1;
        }
    }

    /// Puts what is known of the disk, and what went wrong with it, into the report.
    fn tell<T>(&self, store: &Store, ended: &Result<T, Error>) {
        let problem = ended.as_ref().err().map(ToString::to_string);
        if let Some(problem) = &problem {
            tracing::warn!("{problem}");
        }
        let mut report = lock(&self.report);
        report.survey = store.known().clone();
        report.problem = problem;
    }
}

#[cfg(test)]
mod tests;
