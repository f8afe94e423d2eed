//! What all threads and tasks of the transport layer share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::stats::Counters;
use crate::tcp::ConnectionTable;
use crate::udp::Endpoint;
use crate::{Listener, Receiver, TransportConfig};

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serving.
    Running,
    /// Nothing more is read; what is queued is written, then connections close.
    Draining,
    /// Connections close at once.
    Aborting,
}

/// The state behind every [`crate::Transports`] and [`crate::Outbox`].
pub(crate) struct Shared {
    pub(crate) config: TransportConfig,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) receiver: Arc<dyn Receiver>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) connections: ConnectionTable,
    pub(crate) counters: Counters,
    pub(crate) runtime: Handle,
    phase: AtomicU8,
    phase_changed: Notify,
}

impl Shared {
    pub(crate) fn new(
        config: TransportConfig,
        listeners: Vec<Listener>,
        endpoints: Vec<Endpoint>,
        receiver: Arc<dyn Receiver>,
        runtime: Handle,
    ) -> Self {
        Self {
            connections: ConnectionTable::new(config.first_connection_id),
            config,
            listeners,
            receiver,
            endpoints,
            counters: Counters::default(),
            runtime,
            phase: AtomicU8::new(Phase::Running as u8),
            phase_changed: Notify::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Aborting,
        }
    }

    /// Moves on to `phase` and wakes everybody who has to act on it.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.phase_changed.notify_waiters();
        self.connections.wake_all();
    }

    /// Completes when `phase` has been reached.
    pub(crate) async fn reached(&self, phase: Phase) {
        loop {
            // Created before the look at the phase, so that a change in between is not missed.
            let changed = self.phase_changed.notified();
            if self.phase() >= phase {
                return;
            }
            changed.await;
        }
    }

    /// The UDP socket for a flow with this local address, `preferred` if that one serves it.
    pub(crate) fn endpoint_for(
        &self,
        local: SocketAddr,
        preferred: Option<usize>,
    ) -> Option<usize> {
        let serves = |index: usize| self.endpoints.get(index).is_some_and(|e| e.serves(local));
        match preferred {
            Some(index) if serves(index) => Some(index),
            Some(_) | None => {
                // An exact address wins over a wildcard on the same port.
                let exact = self.endpoints.iter().position(|e| e.bound() == local);
                exact.or_else(|| (0..self.endpoints.len()).find(|&index| serves(index)))
            }
        }
    }
}
