//! One TCP connection: a future that reads, has every message processed on the spot, and writes.
//!
//! It is polled by hand rather than written with `async` so that a wake-up costs no more than the work it
//! brings: one read, the receiver, one vectored write. An idle connection holds no read buffer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use offhook_sip_message::{Frame, FramingError, StreamFramer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::deadlines::{Deadlines, Expired};
use super::link::{Link, Origin, Taken};
use crate::outbox::Home;
use crate::shared::{Phase, Shared};
use crate::{Inbound, Outbound, Outbox, TcpConfig, Ticket};

/// What one read takes at most.
const READ_BYTES: usize = 64 * 1024;

/// Messages given to the kernel in one write.
const WRITE_BATCH: usize = 32;

/// Rounds of reading and writing before other connections of the thread get their turn.
const ROUNDS_PER_POLL: usize = 8;

/// The answer to a keep-alive ping (RFC 5626 section 4.4.1).
const PONG: Bytes = Bytes::from_static(b"\r\n");

thread_local! {
    /// Read into by whichever connection runs on the thread; what arrives moves on at once.
    static READ_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// The peer closed it, or it broke.
    Peer,
    /// The peer's messages cannot be told apart.
    Framing,
    /// The peer does not read.
    Slow,
    /// Nothing happens on it.
    Idle,
    /// The transports stop.
    Stopping,
}

/// What is left to do after a round.
enum Round {
    /// There may be more to read or write at once.
    Again,
    /// Nothing until something happens.
    Wait,
    /// The end.
    Close(Closing),
}

/// The task of one connection.
pub(super) struct Connection {
    shared: Arc<Shared>,
    link: Arc<Link>,
    stream: TcpStream,
    framer: StreamFramer,
    /// Taken from the link's queue, or answered here; the first may be partly written.
    pending: VecDeque<Outbound>,
    /// Bytes of the first pending message that are written.
    first_written: usize,
    peer_closed: bool,
    deadlines: Deadlines,
    timer: Pin<Box<Sleep>>,
}

/// Sets the options of a connection: no delay for small messages, and probes that find a dead peer.
///
/// # Errors
/// What `setsockopt` says, above all of a connection that is gone already.
pub(super) fn prepare(stream: &TcpStream, config: &TcpConfig) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(config.keepalive))
}

/// Reports messages that will not be written.
pub(super) fn fail_all(shared: &Arc<Shared>, unsent: impl IntoIterator<Item = Outbound>) {
    let mut out = Outbox::new(Arc::clone(shared), Home::Elsewhere);
    for message in unsent {
        shared.counters.tcp_send_failed.increment();
        if message.ticket.is_wanted() {
            shared.receiver.send_failed(message.flow, message.ticket, &mut out);
        }
    }
    out.flush();
}

impl Connection {
    /// Takes over an open stream. Await it (or spawn it) to serve the connection until it closes.
    pub(super) fn new(shared: Arc<Shared>, link: Arc<Link>, stream: TcpStream) -> Self {
        shared.counters.tcp_connections.increment();
        let now = Instant::now();
        let deadlines = Deadlines::new(now, link.origin == Origin::Accepted);
        let (first_deadline, _) = deadlines.next(&shared.config.tcp, false);
        Self {
            framer: StreamFramer::new(&shared.config.message),
            shared,
            link,
            stream,
            pending: VecDeque::new(),
            first_written: 0,
            peer_closed: false,
            deadlines,
            timer: Box::pin(tokio::time::sleep_until(first_deadline)),
        }
    }

    /// Writes what waits, then reads once and has it processed.
    fn round(&mut self, cx: &mut Context<'_>, now: Instant) -> Round {
        match self.link.take(&mut self.pending, cx.waker()) {
            Taken::Messages => {}
            Taken::Overflowed => return Round::Close(Closing::Slow),
        }
        if let Err(closing) = self.write(cx, now) {
            return Round::Close(closing);
        }
        match self.shared.phase() {
            Phase::Running => {}
            Phase::Draining if self.pending.is_empty() => return Round::Close(Closing::Stopping),
            Phase::Draining => return Round::Wait,
            Phase::Aborting => return Round::Close(Closing::Stopping),
        }
        // A peer that does not take its answers is not asked for more questions.
        let backlogged = self.link.unwritten() > self.shared.config.tcp.write_queue_bytes / 2;
        if self.peer_closed || backlogged {
            return Round::Wait;
        }
        self.read(cx, now)
    }

    /// Writes until nothing is pending or the kernel's buffer is full.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), Closing> {
        while !self.pending.is_empty() {
            let mut slices = [IoSlice::new(&[]); WRITE_BATCH];
            let count = self.pending.len().min(WRITE_BATCH);
            for (slice, message) in slices.iter_mut().zip(&self.pending) {
                *slice = IoSlice::new(&message.bytes);
            }
            IoSlice::advance_slices(&mut slices.as_mut_slice(), self.first_written);
            let batch = &slices[..count];
            match Pin::new(&mut self.stream).poll_write_vectored(cx, batch) {
                Poll::Pending => {
                    self.deadlines.blocked(now);
                    return Ok(());
                }
                Poll::Ready(Ok(0) | Err(_)) => return Err(Closing::Peer),
                Poll::Ready(Ok(written)) => {
                    self.link.written(written);
                    self.forget_written(written);
                    self.deadlines.wrote(now, !self.pending.is_empty());
                }
            }
        }
        Ok(())
    }

    fn forget_written(&mut self, written: usize) {
        let mut left = self.first_written + written;
        while let Some(first) = self.pending.front() {
            if left < first.bytes.len() {
                break;
            }
            left -= first.bytes.len();
            self.pending.pop_front();
            self.shared.counters.tcp_sent.increment();
        }
        self.first_written = left;
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Round {
        let read = READ_BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(READ_BYTES, 0);
            let mut buffer = ReadBuf::new(buffer);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            read.map_ok(|()| {
                self.framer.push(buffer.filled());
                buffer.filled().len()
            })
        });
        match read {
            Poll::Pending => Round::Wait,
            Poll::Ready(Err(_)) => Round::Close(Closing::Peer),
            Poll::Ready(Ok(0)) => {
                self.peer_closed = true;
                self.deadlines.half_closed(now);
                self.shared.connections.retire(&self.link);
                Round::Wait
            }
            Poll::Ready(Ok(_)) => match self.process(now) {
                Ok(()) => Round::Again,
                Err(error) => Round::Close(self.refuse(error, cx, now)),
            },
        }
    }

    /// Answers the message that cannot be framed, as well as it can be read, before the connection
    /// ends; what was answered before it goes out too.
    fn refuse(&mut self, error: FramingError, cx: &mut Context<'_>, now: Instant) -> Closing {
        let remote = self.link.flow.remote;
        tracing::debug!(%remote, %error, "a message cannot be framed");
        let refusal =
            offhook_sip_message::reject(self.framer.unread(), error.parse_error(), remote);
        if let Some(bytes) = refusal {
            self.queue_own(Outbound { flow: self.link.flow, bytes, ticket: Ticket::NONE });
        }
        self.write(cx, now).err().unwrap_or(Closing::Framing)
    }

    fn queue_own(&mut self, message: Outbound) {
        self.link.add_unwritten(message.bytes.len());
        self.pending.push_back(message);
    }

    /// Hands every complete message to the receiver and queues the answers.
    fn process(&mut self, now: Instant) -> Result<(), FramingError> {
        let mut out = Outbox::new(Arc::clone(&self.shared), Home::Connection(self.link.flow));
        let mut received = 0;
        let mut completed = false;
        let framed = loop {
            match self.framer.next() {
                Ok(Some(Frame::Message(bytes))) => {
                    received += 1;
                    let inbound = Inbound { flow: self.link.flow, bytes };
                    self.shared.receiver.receive(inbound, &mut out);
                }
                Ok(Some(Frame::Ping)) => {
                    self.shared.counters.tcp_pings.increment();
                    out.push(Outbound { flow: self.link.flow, bytes: PONG, ticket: Ticket::NONE });
                }
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            completed = true;
        };
        self.deadlines.read(now, completed, !self.framer.unread().is_empty());
        self.shared.counters.tcp_received.add(received);
        self.shared.receiver.batch_done(&mut out);
        out.flush();
        for message in out.take_own() {
            self.queue_own(message);
        }
        framed
    }

    /// Sets the timer to the earliest limit and says which one has passed, if any.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, mut now: Instant) -> Option<Expired> {
        loop {
            let (deadline, expired) =
                self.deadlines.next(&self.shared.config.tcp, !self.pending.is_empty());
            if deadline <= now {
                return Some(expired);
            }
            // A limit that has moved away is noticed when the timer fires: resetting it for every
            // message would cost more than one idle wake-up.
            if deadline < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return None;
            }
            now = Instant::now();
        }
    }

    /// Ends the connection and reports what it takes along.
    fn close(&mut self, closing: Closing) {
        let counters = &self.shared.counters;
        match closing {
            Closing::Peer | Closing::Stopping => {}
            Closing::Framing => counters.tcp_closed_framing.increment(),
            Closing::Slow => counters.tcp_closed_slow.increment(),
            Closing::Idle => counters.tcp_closed_idle.increment(),
        }
        tracing::debug!(remote = %self.link.flow.remote, reason = ?closing, "connection closed");
        self.shared.connections.remove(&self.link);
        counters.tcp_connections.decrement();
        self.shut_down();
        let unsent: Vec<_> = self.pending.drain(..).chain(self.link.close()).collect();
        fail_all(&self.shared, unsent);
        let mut out = Outbox::new(Arc::clone(&self.shared), Home::Elsewhere);
        self.shared.receiver.flow_closed(self.link.flow, &mut out);
        out.flush();
    }

    /// Ends the stream in order. Bytes that nobody read would turn the end into a reset, and a reset
    /// can take the last answers away from the peer.
    fn shut_down(&self) {
        if SockRef::from(&self.stream).shutdown(Shutdown::Write).is_err() {
            return;
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(READ_BYTES, 0);
            for _ in 0..ROUNDS_PER_POLL {
                match self.stream.try_read(buffer) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        });
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let now = Instant::now();
        for _ in 0..ROUNDS_PER_POLL {
            match this.round(cx, now) {
                Round::Again => {}
                Round::Wait => {
                    let closing = match this.poll_deadline(cx, now) {
                        None => return Poll::Pending,
                        Some(Expired::Idle) => Closing::Idle,
                        Some(Expired::Stalled) => Closing::Slow,
                        Some(Expired::HalfClosed) => Closing::Peer,
                    };
                    this.close(closing);
                    return Poll::Ready(());
                }
                Round::Close(closing) => {
                    this.close(closing);
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
