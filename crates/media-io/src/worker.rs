//! The thread that moves packets.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    MediaIoError, SocketPair, Sockets,
    epoll::{Epoll, Ready},
    sockets::readable,
};

/// The largest packet, in bytes.
const MAX_PACKET_BYTES: usize = 65_536;

/// The longest wait: how late a deadline may be noticed that was set while the worker waited.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// The key of the socket that wakes the worker up; no media socket has it.
const WAKE_KEY: u64 = u64::MAX;

/// Says where packets go. All calls come under the worker's lock.
pub trait Forwarder: Send + 'static {
    /// Before each batch of packets: reads the clock, does what is due (which may close sockets),
    /// and says how long the worker may wait if nothing comes.
    fn begin_batch(&mut self, sockets: &mut Sockets) -> Duration;

    /// Takes a packet that came in at the socket `key`, and says from which socket and to which
    /// address it is sent on.
    fn forward(
        &mut self,
        key: u32,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Option<(u32, SocketAddr)>;

    /// A packet could not be sent and is lost.
    fn send_failed(&mut self);
}

/// A thread that moves the packets of its sockets. Dropping it stops the thread.
#[derive(Debug)]
pub struct Worker<F> {
    shared: Arc<Shared<F>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    wake: UnixStream,
}

#[derive(Debug)]
struct Shared<F> {
    shard: Mutex<Shard<F>>,
    epoll: Epoll,
    /// How many others want the lock. The mutex is not fair: without this, a busy worker would
    /// take it again before anyone who waits for it wakes up.
    waiting: AtomicUsize,
    stopped: AtomicBool,
}

#[derive(Debug)]
struct Shard<F> {
    forwarder: F,
    sockets: Sockets,
}

impl<F: Forwarder> Worker<F> {
    /// Starts the thread, without a socket.
    ///
    /// # Errors
    /// When the system refuses the thread or its descriptors.
    pub fn start(name: String, forwarder: F) -> Result<Self, MediaIoError> {
        let (wake, woken) = UnixStream::pair()?;
        let epoll = Epoll::new()?;
        epoll.add(&woken, WAKE_KEY)?;
        let shard = Mutex::new(Shard { forwarder, sockets: Sockets::new() });
        let (waiting, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shared = Arc::new(Shared { shard, epoll, waiting, stopped });
        let run = {
            let shared = Arc::clone(&shared);
            move || {
                let _woken = woken;
                shared.run();
            }
        };
        let thread = thread::Builder::new().name(name).spawn(run)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), wake })
    }

    /// Runs `work` with the forwarder and the sockets, between two batches of packets.
    pub fn with<R>(&self, work: impl FnOnce(&mut F, &mut Sockets) -> R) -> R {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shared.lock();
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        let Shard { forwarder, sockets } = &mut *shard;
        work(forwarder, sockets)
    }

    /// Receives on a pair of sockets from here on, under the key `rtp`, which is even, and the
    /// next one. To be called within [`Self::with`], on its sockets.
    ///
    /// # Errors
    /// When the system refuses; the pair is closed then.
    pub fn open(
        &self,
        sockets: &mut Sockets,
        rtp: u32,
        pair: SocketPair,
    ) -> Result<(), MediaIoError> {
        Ok(sockets.insert(&self.shared.epoll, rtp, pair)?)
    }

    /// Stops the thread and waits for it. The sockets stay open until the worker is dropped.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(thread) = thread.take() else { return };
        // Without the wake-up, the thread notices at the end of its wait.
        if (&self.wake).write_all(b"x").is_ok() && thread.join().is_err() {
            tracing::error!("a media worker has panicked");
        }
    }
}

impl<F> Drop for Worker<F> {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

impl<F: Forwarder> Shared<F> {
    fn run(&self) {
        let mut ready = Ready::new();
        let mut buffer = vec![0; MAX_PACKET_BYTES];
        let mut wait = Duration::ZERO;
        while !self.stopped.load(Ordering::Relaxed) {
            if let Err(error) = self.epoll.wait(&mut ready, wait) {
                tracing::error!(%error, "a media worker cannot wait for packets and stops");
                return;
            }
            while self.waiting.load(Ordering::Relaxed) > 0 {
                thread::yield_now();
            }
            wait = self.lock().batch(&ready, &mut buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shard<F>> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Forwarder> Shard<F> {
    /// Moves one packet of each readable socket, and returns how long to wait next. A socket with
    /// more packets is readable again at once.
    fn batch(&mut self, ready: &Ready, buffer: &mut [u8]) -> Duration {
        let wait = self.forwarder.begin_batch(&mut self.sockets);
        for key in readable(ready) {
            let Some((length, from)) = self.sockets.receive(key, buffer) else { continue };
            let packet = &mut buffer[..length];
            let Some((socket, to)) = self.forwarder.forward(key, from, packet) else { continue };
            if !self.sockets.send(socket, to, packet) {
                self.forwarder.send_failed();
            }
        }
        wait.min(MAX_WAIT)
    }
}
