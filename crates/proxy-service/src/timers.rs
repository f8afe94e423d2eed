//! The thread that looks for timers that are due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use offhook_sip_transport::Transports;

use crate::error::StartError;
use crate::signalling::Signalling;

/// How often due timers are looked for: a fraction of the shortest SIP timer, and rare enough to cost
/// an idle process next to nothing.
const POLL: Duration = Duration::from_millis(10);

/// The running thread; dropping this ends it. A thread of its own wakes up with one system call, a task
/// of the runtime with several, on two threads.
pub(crate) struct Timers {
    thread: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

impl Timers {
    /// Starts the thread.
    pub(crate) fn start(
        signalling: &Arc<Signalling>,
        transports: &Transports,
    ) -> Result<Self, StartError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (signalling, mut out) = (Arc::clone(signalling), transports.outbox());
        let is_stopped = Arc::clone(&stopped);
        let run = move || {
            while !is_stopped.load(Ordering::Relaxed) {
                thread::park_timeout(POLL);
                signalling.fire_timers(&mut out);
                out.flush();
            }
        };
        let thread = thread::Builder::new().name("sip-timers".into()).spawn(run);
        Ok(Self { thread: Some(thread.map_err(StartError::Thread)?), stopped })
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the timer thread has panicked");
            }
        }
    }
}
