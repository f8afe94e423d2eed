//! From the signal to stop until the process may end.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::drain::Drain;

/// How the drain went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Everything had ended.
    Drained,
    /// Time ran out while some things went on: their names and how many of each.
    TimedOut(Vec<(&'static str, u64)>),
}

/// How often the remaining work is counted while draining.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// The signals that end the process.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and names it.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Ends the process at the next signal, whatever else goes on: the second signal forces.
pub(crate) fn force_at_next(mut signals: StopSignals) {
    tokio::spawn(async move {
        let kind = signals.next().await;
        tracing::warn!("second signal: ending at once");
        std::process::exit(128 + kind.as_raw_value());
    });
}

/// Waits until nothing remains or `timeout` has passed.
pub(crate) async fn wait_until_idle(drain: &Drain, timeout: Duration) -> Stop {
    let mut ticks = interval(COUNT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let deadline = sleep(timeout);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                if drain.remaining().is_empty() {
                    return Stop::Drained;
                }
            }
            () = &mut deadline => return Stop::TimedOut(drain.remaining()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_idle_process_stops_at_once() {
        assert_eq!(wait_until_idle(&Drain::new(), Duration::ZERO).await, Stop::Drained);
    }

    #[tokio::test]
    async fn work_is_waited_for() {
        let drain = Drain::new();
        let looks = Arc::new(AtomicU64::new(3));
        let counted = Arc::clone(&looks);
        drain.watch("calls", move || counted.fetch_sub(1, Ordering::Relaxed) - 1);
        assert_eq!(wait_until_idle(&drain, Duration::from_secs(60)).await, Stop::Drained);
        assert_eq!(looks.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn time_runs_out() {
        let drain = Drain::new();
        drain.watch("calls", || 2);
        let stop = wait_until_idle(&drain, Duration::from_millis(1)).await;
        assert_eq!(stop, Stop::TimedOut(vec![("calls", 2)]));
    }
}
