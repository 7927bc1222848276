//! Work on a thread of its own, so that an accelerator that hangs keeps nobody waiting.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A worker that is given one job after the other, and given up when one takes too long.
///
/// The thread cannot be stopped where it hangs; until it comes back, all jobs fail at once.
#[derive(Debug)]
pub struct Watched<Job, Reply> {
    /// Closed to end the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    replies: Receiver<Reply>,
    /// Whether a reply that nobody waits for any more is still to come.
    late: bool,
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenUp {
    /// It took longer than it may.
    #[error("no result within {} ms", .0.as_millis())]
    Late(Duration),
    /// A job that was given up before is not done yet.
    #[error("it still hangs")]
    StillHangs,
    /// The worker has panicked.
    #[error("its thread has ended")]
    Ended,
}

impl<Job: Send + 'static, Reply: Send + 'static> Watched<Job, Reply> {
    /// Moves `work` to a thread, which is named `accelerator`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(work: impl FnMut(Job) -> Reply + Send + 'static) -> io::Result<Self> {
        // One job at a time, and one reply that may come late.
        let (jobs, to_do) = sync_channel::<Job>(1);
        let (done, replies) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("accelerator".into())
            .spawn(move || {
                let mut work = work;
                for job in to_do {
                    if done.send(work(job)).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            replies,
            late: false,
        })
    }

    /// Lets the thread do one job, and waits no longer than `patience` lasts.
    ///
    /// # Errors
    /// [`GivenUp`] when no reply came.
    pub fn run(&mut self, job: Job, patience: Duration) -> Result<Reply, GivenUp> {
        if self.late {
            match self.replies.try_recv() {
                Ok(_) => self.late = false,
                Err(TryRecvError::Empty) => return Err(GivenUp::StillHangs),
                Err(TryRecvError::Disconnected) => return Err(GivenUp::Ended),
            }
        }
        let jobs = self.jobs.as_ref().ok_or(GivenUp::Ended)?;
        jobs.send(job).map_err(|_| GivenUp::Ended)?;
        match self.replies.recv_timeout(patience) {
            Ok(reply) => Ok(reply),
            Err(RecvTimeoutError::Timeout) => {
                self.late = true;
                Err(GivenUp::Late(patience))
            }
            Err(RecvTimeoutError::Disconnected) => Err(GivenUp::Ended),
        }
    }
}

impl<Job, Reply> Drop for Watched<Job, Reply> {
    /// Waits until the thread has given its session back: a vendor's library
    /// that is still at it while the process ends crashes that. One that hangs
    /// is not waited for.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take().filter(|_| !self.late) {
            // A panic there has been reported, and there is nothing left to save.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const PATIENCE: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_that_hangs_is_given_up_and_fails_at_once_until_it_comes_back() {
        let (go_on, hangs) = channel();
        let (back, came_back) = channel();
        let mut watched = Watched::start(move |job: i32| {
            if job == 1 {
                let _ = hangs.recv();
                let _ = back.send(());
            }
            job * 2
        })
        .unwrap();
        assert_eq!(watched.run(0, LONG), Ok(0));
        assert_eq!(watched.run(1, PATIENCE), Err(GivenUp::Late(PATIENCE)));
        assert_eq!(watched.run(2, LONG), Err(GivenUp::StillHangs));
        go_on.send(()).unwrap();
        came_back.recv_timeout(LONG).unwrap();
        // Its late reply is not taken for that to another job.
        let reply = loop {
            match watched.run(3, LONG) {
                Err(GivenUp::StillHangs) => thread::yield_now(),
                other => break other,
            }
        };
        assert_eq!(reply, Ok(6));
    }

    #[test]
    fn one_that_panics_is_given_up() {
        let mut watched = Watched::start(|job: i32| 1 / job).unwrap();
        assert_eq!(watched.run(0, LONG), Err(GivenUp::Ended));
        assert_eq!(watched.run(1, LONG), Err(GivenUp::Ended));
    }
}
