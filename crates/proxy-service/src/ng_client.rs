//! Drives a media relay over the ng protocol: one UDP socket, answers matched by cookie.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use offhook_ng_protocol::{BencodeLimits, Command, Frame, Reply};
use thiserror::Error;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

/// How many times a command is sent before the relay counts as unreachable.
const ATTEMPTS: u32 = 4;

/// The largest answer taken: a UDP payload.
const MAX_ANSWER_BYTES: usize = 65_535;

/// Why a command has no answer.
#[derive(Debug, Error)]
pub enum NgError {
    /// The relay's name has no address, or the socket cannot be opened.
    #[error("the media relay at {relay} cannot be used: {source}")]
    Unusable {
        /// The relay as configured.
        relay: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No answer came in time.
    #[error("the media relay at {relay} did not answer within {timeout:?}")]
    Silent {
        /// The relay as configured.
        relay: String,
        /// How long it was given.
        timeout: Duration,
    },
}

/// A relay behind the ng protocol. Clones share the socket.
#[derive(Clone, Debug)]
pub struct NgClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    socket: UdpSocket,
    /// The relay as configured.
    relay: String,
    timeout: Duration,
    /// Makes the cookies of one process different from those of the one before it, whose answers a
    /// relay may still remember.
    instance: u64,
    next: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<Reply>>>,
}

impl NgClient {
    /// Opens a socket towards `relay` (`HOST:PORT`); `timeout` bounds a whole command with its
    /// repetitions. `instance` is random.
    ///
    /// # Errors
    /// [`NgError::Unusable`].
    pub async fn connect(relay: &str, timeout: Duration, instance: u64) -> Result<Self, NgError> {
        let unusable = |source| NgError::Unusable { relay: relay.to_owned(), source };
        let address = look_up(relay).await.map_err(unusable)?;
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await.map_err(unusable)?;
        socket.connect(address).await.map_err(unusable)?;
        let shared = Arc::new(Shared {
            socket,
            relay: relay.to_owned(),
            timeout,
            instance,
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        tokio::spawn(receive(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// The relay as configured.
    #[must_use]
    pub fn relay(&self) -> &str {
        &self.shared.relay
    }

    /// Sends a command, repeats it while no answer comes, and returns the answer.
    ///
    /// # Errors
    /// [`NgError::Silent`].
    pub async fn execute(&self, command: &Command) -> Result<Reply, NgError> {
        let shared = &self.shared;
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let cookie = format!("{:016x}_{number}", shared.instance);
        let frame = Frame { cookie: cookie.clone().into(), document: command.encode() }.encode();
        let (sender, mut answer) = oneshot::channel();
        shared.lock().insert(cookie.clone(), sender);
        for _ in 0..ATTEMPTS {
            // A failed send (the relay is restarting) is a lost datagram: the next attempt repeats it.
            if let Err(error) = shared.socket.send(&frame).await {
                tracing::debug!(%error, relay = %shared.relay, "ng command not sent");
            }
            if let Ok(Ok(reply)) =
                tokio::time::timeout(shared.timeout / ATTEMPTS, &mut answer).await
            {
                return Ok(reply);
            }
        }
        shared.lock().remove(&cookie);
        self.find_again().await;
        Err(NgError::Silent { relay: shared.relay.clone(), timeout: shared.timeout })
    }

    /// A relay that is silent may have come back under another address.
    async fn find_again(&self) {
        let shared = &self.shared;
        let found = match look_up(&shared.relay).await {
            Ok(address) if shared.socket.peer_addr().ok() != Some(address) => {
                shared.socket.connect(address).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = found {
            tracing::debug!(%error, relay = %shared.relay, "the media relay cannot be found");
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Reply>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, datagram: &[u8]) {
        let parsed = Frame::parse(Bytes::copy_from_slice(datagram)).ok().and_then(|frame| {
            let reply = Reply::decode(&frame.document, &BencodeLimits::default()).ok()?;
            Some((String::from_utf8(frame.cookie.to_vec()).ok()?, reply))
        });
        let Some((cookie, reply)) = parsed else {
            tracing::debug!(relay = %self.relay, "ng answer not understood");
            return;
        };
        if let Some(waiting) = self.lock().remove(&cookie) {
            // Nobody waits any more if the command timed out at this very moment.
            let _ = waiting.send(reply);
        }
    }
}

async fn look_up(relay: &str) -> std::io::Result<SocketAddr> {
    let mut addresses = tokio::net::lookup_host(relay).await?;
    addresses.next().ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

/// Reads answers until the last client is dropped.
async fn receive(shared: std::sync::Weak<Shared>) {
    let mut buffer = vec![0; MAX_ANSWER_BYTES];
    while let Some(shared) = shared.upgrade() {
        // Wakes up now and then to see whether anybody still uses the client.
        let received =
            tokio::time::timeout(Duration::from_secs(1), shared.socket.recv(&mut buffer)).await;
        match received {
            Ok(Ok(length)) => shared.deliver(&buffer[..length]),
            // An ICMP error: the relay is down for the moment.
            Ok(Err(error)) => tracing::debug!(%error, relay = %shared.relay, "ng socket"),
            Err(_) => {}
        }
    }
}
