//! Group commit: the changes of many REGISTERs in one transaction.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{Change, LocationStore, StoreError};

/// Limits of a [`Writer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Submissions that may wait; one more is refused.
    pub max_queued: usize,
    /// Changes after which a group is committed without waiting for more. A single submission may hold more.
    pub max_group: usize,
    /// How long a group waits for more submissions once it has two. A lone submission is committed at once.
    pub gather: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { max_queued: 20_000, max_group: 1_000, gather: Duration::from_millis(2) }
    }
}

/// Makes changes durable, many at a time, in the order of their submission. Clones feed the same queue.
///
/// One task commits one group after another, so the changes of an address of record are never reordered.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Submission>,
    shared: Arc<Shared>,
}

/// What a [`Writer`] has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Submissions that wait to be taken into a group.
    pub queued: u64,
    /// Transactions committed.
    pub groups: u64,
    /// Submissions that are durable.
    pub durable: u64,
    /// Submissions that failed after they were accepted.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Shared {
    closing: Notify,
    groups: AtomicU64,
    durable: AtomicU64,
    failed: AtomicU64,
}

impl Writer {
    /// Starts the task that writes to `store`. It ends when the last clone of the writer is dropped or
    /// [`close`](Self::close) is called, after all that was accepted is settled.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn spawn(store: impl LocationStore, options: WriterOptions) -> (Self, JoinHandle<()>) {
        let (queue, submissions) = mpsc::channel(options.max_queued.max(1));
        let shared = Arc::new(Shared::default());
        let task =
            WriterTask { store, options, submissions, shared: Arc::clone(&shared), failing: false };
        (Self { queue, shared }, tokio::spawn(task.run()))
    }

    /// Queues the changes of one REGISTER. `done` is called once, on the writer's task, when they are durable or have
    /// failed; it must be short and must not block. It is not called when this returns an error.
    ///
    /// # Errors
    /// [`StoreError::QueueFull`] and [`StoreError::Closed`], at once.
    pub fn submit(
        &self,
        changes: Vec<Change>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let submission = Submission { changes, done: Completion(Some(Box::new(done))) };
        self.queue.try_send(submission).map_err(|refused| {
            let (error, submission) = match refused {
                mpsc::error::TrySendError::Full(submission) => (StoreError::QueueFull, submission),
                mpsc::error::TrySendError::Closed(submission) => (StoreError::Closed, submission),
            };
            submission.done.forget();
            error
        })
    }

    /// Queues the changes of one REGISTER and waits until they are durable.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let (sender, outcome) = oneshot::channel();
        // The receiver is gone if this future was dropped, and then nobody asks.
        self.submit(changes, |outcome| drop(sender.send(outcome)))?;
        outcome.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Accepts nothing more. What was accepted is still written; then the task ends.
    pub fn close(&self) {
        self.shared.closing.notify_one();
    }

    /// What has been done so far.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        WriterStats {
            queued: (self.queue.max_capacity() - self.queue.capacity()) as u64,
            groups: self.shared.groups.load(Ordering::Relaxed),
            durable: self.shared.durable.load(Ordering::Relaxed),
            failed: self.shared.failed.load(Ordering::Relaxed),
        }
    }
}

/// The changes of one REGISTER, and whom to tell.
#[derive(Debug)]
struct Submission {
    changes: Vec<Change>,
    done: Completion,
}

/// Calls back exactly once: with the outcome, or with `Closed` if the writer's task dies with the submission in hand.
struct Completion(Option<Box<dyn Done>>);

/// What a submitter wants to have called.
trait Done: FnOnce(Result<(), StoreError>) + Send {}

impl<F: FnOnce(Result<(), StoreError>) + Send> Done for F {}

impl Completion {
    fn complete(mut self, outcome: Result<(), StoreError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }

    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(StoreError::Closed));
        }
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completion")
    }
}

struct WriterTask<S> {
    store: S,
    options: WriterOptions,
    submissions: mpsc::Receiver<Submission>,
    shared: Arc<Shared>,
    /// Whether the last group found the store unavailable, so that an outage is logged once.
    failing: bool,
}

/// The submissions of one transaction, their changes laid end to end.
#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    /// For each submission, the end of its changes.
    members: Vec<(usize, Completion)>,
}

impl Group {
    fn push(&mut self, submission: Submission) {
        self.changes.extend(submission.changes);
        self.members.push((self.changes.len(), submission.done));
    }
}

impl<S: LocationStore> WriterTask<S> {
    async fn run(mut self) {
        while let Some(first) = self.next_submission().await {
            let group = self.gather(first).await;
            self.settle(group).await;
        }
    }

    async fn next_submission(&mut self) -> Option<Submission> {
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            submission = self.submissions.recv() => submission,
            () = shared.closing.notified() => {
                self.submissions.close();
                self.submissions.recv().await
            }
        }
    }

    async fn gather(&mut self, first: Submission) -> Group {
        let mut group = Group::default();
        group.push(first);
        while group.changes.len() < self.options.max_group {
            let Ok(submission) = self.submissions.try_recv() else { break };
            group.push(submission);
        }
        if group.members.len() < 2 {
            return group;
        }
        let gathered = tokio::time::sleep(self.options.gather);
        tokio::pin!(gathered);
        while group.changes.len() < self.options.max_group {
            tokio::select! {
                biased;
                submission = self.submissions.recv() => match submission {
                    Some(submission) => group.push(submission),
                    None => break,
                },
                () = &mut gathered => break,
            }
        }
        group
    }

    /// Commits the group, and completes each member as soon as its fate is known.
    ///
    /// A group that holds a change which the database refuses is halved until the culprit stands alone, so one bad
    /// REGISTER costs a few more transactions and harms no other.
    async fn settle(&mut self, group: Group) {
        let Group { changes, members } = group;
        let mut members = members.into_iter();
        let mut start = 0;
        // Sizes of the parts to come, in members, the next on top.
        let mut parts = vec![members.len()];
        while let Some(part) = parts.pop() {
            let end = members.as_slice().get(part - 1).map_or(start, |(end, _)| *end);
            match self.commit(&changes, start..end).await {
                Err(error) if error.is_rejection() && part > 1 => {
                    parts.push(part - part / 2);
                    parts.push(part / 2);
                    continue;
                }
                Err(error) if !error.is_rejection() => {
                    self.note_outage(&error, members.len());
                    members.for_each(|(_, done)| done.complete(Err(error.clone())));
                    return;
                }
                outcome => {
                    self.note_outcome(&outcome, part);
                    for (_, done) in members.by_ref().take(part) {
                        done.complete(outcome.clone());
                    }
                }
            }
            start = end;
        }
    }

    async fn commit(&self, changes: &[Change], range: Range<usize>) -> Result<(), StoreError> {
        let changes = changes.get(range).unwrap_or_default();
        for _ in 1..CONTENTION_ATTEMPTS {
            match self.store.commit(changes).await {
                Err(error) if error.is_contention() => {}
                outcome => return outcome,
            }
        }
        self.store.commit(changes).await
    }

    fn note_outcome(&mut self, outcome: &Result<(), StoreError>, members: usize) {
        match outcome {
            Ok(()) => {
                self.shared.groups.fetch_add(1, Ordering::Relaxed);
                self.shared.durable.fetch_add(members as u64, Ordering::Relaxed);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("bindings are stored again");
                }
            }
            Err(error) => {
                self.shared.failed.fetch_add(members as u64, Ordering::Relaxed);
                tracing::warn!(%error, "a change of a binding was refused");
            }
        }
    }

    fn note_outage(&mut self, error: &StoreError, members: usize) {
        self.shared.failed.fetch_add(members as u64, Ordering::Relaxed);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "bindings cannot be stored");
        }
    }
}

/// Transactions of other nodes may stand in the way of this one (deadlock, serialization); the store has then undone
/// it, and a repeat finds them gone.
const CONTENTION_ATTEMPTS: usize = 3;
