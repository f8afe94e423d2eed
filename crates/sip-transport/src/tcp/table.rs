//! All connections, found by id and by the peer's address, and counted by source.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::RandomState;
use offhook_sip_message::{ConnectionId, Flow};
use tokio::sync::Notify;

use super::link::{Link, Origin};
use crate::TcpConfig;

/// The connections that are open or being opened.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    next_id: AtomicU64,
    connections: RwLock<Connections>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Connections {
    by_id: HashMap<ConnectionId, Arc<Link>, RandomState>,
    /// The latest connection with each peer.
    by_remote: HashMap<SocketAddr, ConnectionId, RandomState>,
    /// Accepted connections only.
    per_source: HashMap<IpAddr, usize, RandomState>,
    connecting: usize,
}

/// A connection for a message without one.
#[derive(Debug)]
pub(super) enum Reached {
    /// There is one already.
    Existing(Arc<Link>),
    /// The caller has to open this one.
    New(Arc<Link>),
    /// A limit stands against another connection.
    Refused,
}

impl ConnectionTable {
    pub(crate) fn new(first_id: u64) -> Self {
        Self {
            next_id: AtomicU64::new(first_id),
            connections: RwLock::new(Connections::default()),
            emptied: Notify::new(),
        }
    }

    /// Enters an accepted connection; `None` if a limit has been reached.
    pub(super) fn accepted(&self, flow: Flow, config: &TcpConfig) -> Option<Arc<Link>> {
        let source = flow.remote.ip();
        let mut connections = self.write();
        let from_source = connections.per_source.get(&source).copied().unwrap_or(0);
        if connections.by_id.len() >= config.max_connections
            || from_source >= config.max_connections_per_source
        {
            return None;
        }
        connections.per_source.insert(source, from_source + 1);
        Some(self.enter(&mut connections, Origin::Accepted, flow, config))
    }

    /// The connection with this id, if it is the one that `flow` means.
    pub(super) fn get(&self, id: ConnectionId, flow: &Flow) -> Option<Arc<Link>> {
        let connections = self.read();
        let link = connections.by_id.get(&id)?;
        (link.flow.remote == flow.remote).then(|| Arc::clone(link))
    }

    /// A connection with `flow.remote`: one that is there, or a new one that the caller has to open.
    pub(super) fn reach(&self, flow: Flow, config: &TcpConfig) -> Reached {
        if let Some(link) = self.read().with(flow.remote) {
            return Reached::Existing(link);
        }
        let mut connections = self.write();
        if let Some(link) = connections.with(flow.remote) {
            return Reached::Existing(link);
        }
        if connections.by_id.len() >= config.max_connections
            || connections.connecting >= config.max_connecting
        {
            return Reached::Refused;
        }
        connections.connecting += 1;
        Reached::New(self.enter(&mut connections, Origin::Opened, flow, config))
    }

    /// A connection being opened has been opened, or has failed.
    pub(super) fn connecting_done(&self) {
        let mut connections = self.write();
        connections.connecting = connections.connecting.saturating_sub(1);
    }

    /// Takes the connection out of reuse by address; it stays reachable by its id.
    pub(super) fn retire(&self, link: &Link) {
        self.write().forget_remote(link);
    }

    /// Forgets a connection.
    pub(super) fn remove(&self, link: &Link) {
        let mut connections = self.write();
        if connections.by_id.remove(&link.id).is_none() {
            return;
        }
        connections.forget_remote(link);
        if link.origin == Origin::Accepted {
            let source = link.flow.remote.ip();
            let left = connections.per_source.get(&source).map_or(0, |count| count - 1);
            if left == 0 {
                connections.per_source.remove(&source);
            } else {
                connections.per_source.insert(source, left);
            }
        }
        if connections.by_id.is_empty() {
            drop(connections);
            self.emptied.notify_waiters();
        }
    }

    /// Wakes the task of every connection.
    pub(crate) fn wake_all(&self) {
        let links: Vec<_> = self.read().by_id.values().cloned().collect();
        links.iter().for_each(|link| link.wake());
    }

    /// Completes when no connection is left.
    pub(crate) async fn empty(&self) {
        loop {
            // Created before the look at the table, so that the last removal is not missed.
            let emptied = self.emptied.notified();
            if self.read().by_id.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn enter(
        &self,
        connections: &mut Connections,
        origin: Origin,
        flow: Flow,
        config: &TcpConfig,
    ) -> Arc<Link> {
        let id = ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let link = Arc::new(Link::new(id, origin, flow, config.write_queue_bytes));
        connections.by_id.insert(id, Arc::clone(&link));
        connections.by_remote.insert(flow.remote, id);
        link
    }

    fn read(&self) -> RwLockReadGuard<'_, Connections> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Connections> {
        self.connections.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn with(&self, remote: SocketAddr) -> Option<Arc<Link>> {
        self.by_id.get(self.by_remote.get(&remote)?).cloned()
    }

    fn forget_remote(&mut self, link: &Link) {
        if self.by_remote.get(&link.flow.remote) == Some(&link.id) {
            self.by_remote.remove(&link.flow.remote);
        }
    }
}
