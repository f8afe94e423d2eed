//! How the writer groups, repeats and completes, on a store whose answers are scripted.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook_database::DatabaseError;
use offhook_location_store::{
    BindingRow, Change, Filter, LocationStore, Position, StoreError, Writer, WriterOptions,
    WriterStats,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_lone_submission_does_not_wait() {
    let store = Scripted::default();
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let start = Instant::now();
    writer.write(vec![remove("a"), remove("b")]).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(store.commits(), ["a b"]);
}

#[tokio::test(start_paused = true)]
async fn what_arrives_during_a_commit_shares_the_next() {
    let store = Scripted::closed();
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let mut outcomes = Outcomes::new();
    for name in ["a", "b", "c"] {
        outcomes.submit(&writer, name);
        yield_now().await;
    }
    assert!(outcomes.is_empty());
    store.open();
    assert_eq!(outcomes.take(3).await, [("a", Ok(())), ("b", Ok(())), ("c", Ok(()))]);
    assert_eq!(store.commits(), ["a", "b c"]);
    let expected = WriterStats { queued: 0, groups: 2, durable: 3, failed: 0 };
    assert_eq!(writer.stats(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_group_gathers_for_a_while() {
    let store = Scripted::default();
    let gather = Duration::from_millis(20);
    let options = WriterOptions { gather, ..WriterOptions::default() };
    let (writer, _task) = Writer::spawn(store.clone(), options);
    let mut outcomes = Outcomes::new();
    outcomes.submit(&writer, "a");
    outcomes.submit(&writer, "b");
    tokio::time::advance(gather / 2).await;
    outcomes.submit(&writer, "c");
    yield_now().await;
    assert!(outcomes.is_empty());
    outcomes.take(3).await;
    assert_eq!(store.commits(), ["a b c"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_group_goes_at_once() {
    let store = Scripted::default();
    let gather = Duration::from_secs(3600);
    let options = WriterOptions { max_group: 2, gather, ..WriterOptions::default() };
    let (writer, _task) = Writer::spawn(store.clone(), options);
    let mut outcomes = Outcomes::new();
    for name in ["a", "b", "c", "d"] {
        outcomes.submit(&writer, name);
    }
    let start = Instant::now();
    outcomes.take(4).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(store.commits(), ["a b", "c d"]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_submission_harms_no_other() {
    let store = Scripted::default();
    store.reject("d");
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let mut outcomes = Outcomes::new();
    for name in ["a", "b", "c", "d", "e"] {
        outcomes.submit(&writer, name);
    }
    let settled = outcomes.take(5).await;
    let refused = Err(StoreError::Rejected(rejection()));
    assert_eq!(
        settled,
        [("a", Ok(())), ("b", Ok(())), ("c", Ok(())), ("d", refused), ("e", Ok(()))]
    );
    assert_eq!(store.commits(), ["a b c d e", "a b", "c d e", "c", "d e", "d", "e"]);
    let expected = WriterStats { queued: 0, groups: 3, durable: 4, failed: 1 };
    assert_eq!(writer.stats(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_outage_fails_the_group_and_not_the_writer() {
    let store = Scripted::default();
    let outage = DatabaseError::DiskFull { database: "db".to_owned() };
    store.answer([Err(outage.clone())]);
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let mut outcomes = Outcomes::new();
    outcomes.submit(&writer, "a");
    outcomes.submit(&writer, "b");
    let failed = Err(StoreError::Unavailable(outage));
    assert_eq!(outcomes.take(2).await, [("a", failed.clone()), ("b", failed)]);
    outcomes.submit(&writer, "c");
    assert_eq!(outcomes.take(1).await, [("c", Ok(()))]);
    assert_eq!(store.commits(), ["a b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_halving_fails_the_rest() {
    let store = Scripted::default();
    let outage = DatabaseError::DiskFull { database: "db".to_owned() };
    store.answer([Err(rejection()), Ok(()), Err(outage.clone())]);
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    let mut outcomes = Outcomes::new();
    for name in ["a", "b", "c", "d"] {
        outcomes.submit(&writer, name);
    }
    let failed = Err(StoreError::Unavailable(outage));
    assert_eq!(
        outcomes.take(4).await,
        [("a", Ok(())), ("b", Ok(())), ("c", failed.clone()), ("d", failed)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deadlock_is_repeated() {
    let store = Scripted::default();
    let deadlock = DatabaseError::Busy { database: "db".to_owned(), reason: String::new() };
    store.answer([Err(deadlock.clone()), Err(deadlock.clone())]);
    let (writer, _task) = Writer::spawn(store.clone(), WriterOptions::default());
    assert_eq!(writer.write(vec![remove("a")]).await, Ok(()));
    assert_eq!(store.commits(), ["a", "a", "a"]);
    store.answer([Err(deadlock.clone()), Err(deadlock.clone()), Err(deadlock.clone())]);
    let failed = Err(StoreError::Unavailable(deadlock));
    assert_eq!(writer.write(vec![remove("b")]).await, failed);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let store = Scripted::closed();
    let options = WriterOptions { max_queued: 2, ..WriterOptions::default() };
    let (writer, _task) = Writer::spawn(store.clone(), options);
    let mut outcomes = Outcomes::new();
    outcomes.submit(&writer, "in the commit");
    while writer.stats().queued > 0 {
        yield_now().await;
    }
    outcomes.submit(&writer, "waiting 1");
    outcomes.submit(&writer, "waiting 2");
    assert_eq!(writer.stats().queued, 2);
    let refused = writer.submit(vec![remove("x")], |_| panic!("called for a refused submission"));
    assert_eq!(refused, Err(StoreError::QueueFull));
    store.open();
    assert!(outcomes.take(3).await.iter().all(|(_, outcome)| outcome.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn closing_settles_what_was_accepted() {
    let store = Scripted::closed();
    let (writer, task) = Writer::spawn(store.clone(), WriterOptions::default());
    let mut outcomes = Outcomes::new();
    outcomes.submit(&writer, "a");
    yield_now().await;
    outcomes.submit(&writer, "b");
    writer.close();
    store.open();
    task.await.unwrap();
    assert_eq!(outcomes.take(2).await, [("a", Ok(())), ("b", Ok(()))]);
    let refused = writer.submit(vec![remove("c")], |_| panic!("called for a refused submission"));
    assert_eq!(refused, Err(StoreError::Closed));
    assert_eq!(writer.write(vec![remove("c")]).await, Err(StoreError::Closed));
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_writer() {
    let (writer, task) = Writer::spawn(Scripted::default(), WriterOptions::default());
    let clone = writer.clone();
    drop(writer);
    clone.write(vec![remove("a")]).await.unwrap();
    drop(clone);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_task_that_died() {
    let store = Scripted::closed();
    let (writer, task) = Writer::spawn(store, WriterOptions::default());
    let mut outcomes = Outcomes::new();
    outcomes.submit(&writer, "in the commit");
    yield_now().await;
    outcomes.submit(&writer, "waiting");
    task.abort();
    let mut settled = outcomes.take(2).await;
    settled.sort_by_key(|(name, _)| *name);
    let closed = Err(StoreError::Closed);
    assert_eq!(settled, [("in the commit", closed.clone()), ("waiting", closed)]);
}

/// Records what is committed, and answers as told; without instructions, with success.
#[derive(Clone)]
struct Scripted {
    state: Arc<Mutex<State>>,
    /// Without permits, commits hang.
    gate: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    commits: Vec<String>,
    answers: VecDeque<Result<(), DatabaseError>>,
    rejected: Option<&'static str>,
}

impl Scripted {
    fn closed() -> Self {
        Self { state: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    fn reject(&self, name: &'static str) {
        self.state.lock().unwrap().rejected = Some(name);
    }

    fn answer<const N: usize>(&self, answers: [Result<(), DatabaseError>; N]) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    fn commits(&self) -> Vec<String> {
        self.state.lock().unwrap().commits.clone()
    }
}

impl Default for Scripted {
    fn default() -> Self {
        let store = Self::closed();
        store.open();
        store
    }
}

impl LocationStore for Scripted {
    async fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        drop(self.gate.acquire().await.unwrap());
        let names: Vec<&str> = changes.iter().map(name).collect();
        let mut state = self.state.lock().unwrap();
        state.commits.push(names.join(" "));
        if let Some(answer) = state.answers.pop_front() {
            return Ok(answer?);
        }
        if names.iter().any(|name| Some(*name) == state.rejected) {
            return Err(rejection().into());
        }
        Ok(())
    }

    fn list(
        &self,
        _: &Filter,
        _: Option<&Position>,
        _: u32,
    ) -> impl Future<Output = Result<Vec<BindingRow>, StoreError>> + Send {
        pending()
    }

    fn count(&self, _: i64) -> impl Future<Output = Result<u64, StoreError>> + Send {
        pending()
    }

    fn remove_expired(
        &self,
        _: i64,
        _: u32,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send {
        pending()
    }
}

/// Collects the outcomes of submissions in the order of their call-backs.
struct Outcomes {
    sender: mpsc::UnboundedSender<(&'static str, Result<(), StoreError>)>,
    receiver: mpsc::UnboundedReceiver<(&'static str, Result<(), StoreError>)>,
}

impl Outcomes {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver }
    }

    fn submit(&self, writer: &Writer, name: &'static str) {
        let sender = self.sender.clone();
        writer
            .submit(vec![remove(name)], move |outcome| sender.send((name, outcome)).unwrap())
            .unwrap();
    }

    fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    async fn take(&mut self, count: usize) -> Vec<(&'static str, Result<(), StoreError>)> {
        let mut outcomes = Vec::new();
        while outcomes.len() < count {
            outcomes.push(self.receiver.recv().await.unwrap());
        }
        outcomes
    }
}

fn remove(aor: &str) -> Change {
    Change::RemoveAll { aor: aor.to_owned() }
}

fn name(change: &Change) -> &str {
    match change {
        Change::RemoveAll { aor } | Change::Remove { aor, .. } => aor,
        Change::Upsert(row) => &row.aor,
    }
}

fn rejection() -> DatabaseError {
    DatabaseError::Rejected { database: "db".to_owned(), reason: "bad".to_owned() }
}
