//! The side of a connection that other threads see: its flow and its write queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use offhook_sip_message::{ConnectionId, Flow};

use crate::Outbound;

/// Who began the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer.
    Accepted,
    /// This process.
    Opened,
}

/// A connection as others see it: from the moment it is being opened until it is closed.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) id: ConnectionId,
    pub(super) origin: Origin,
    /// `connection` is always `Some(id)`.
    pub(super) flow: Flow,
    max_queued_bytes: usize,
    /// Bytes in the queue and in the hands of the connection's task together.
    unwritten_bytes: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Vec<Outbound>,
    overflowed: bool,
    closed: bool,
    waker: Option<Waker>,
}

/// What a connection's task finds in its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Everything queued has been moved, perhaps nothing.
    Messages,
    /// The queue ran over: the connection has to be closed.
    Overflowed,
}

impl Link {
    /// A link for `flow` with the connection id filled in.
    pub(super) fn new(
        id: ConnectionId,
        origin: Origin,
        flow: Flow,
        max_queued_bytes: usize,
    ) -> Self {
        Self {
            id,
            origin,
            flow: Flow { connection: Some(id), ..flow },
            max_queued_bytes,
            unwritten_bytes: AtomicUsize::new(0),
            queue: Mutex::new(Queue::default()),
        }
    }

    /// Queues a message and wakes the task; false if the connection is closed or its queue is full,
    /// which closes it.
    pub(super) fn push(&self, message: &Outbound) -> bool {
        let (accepted, waker) = {
            let mut queue = self.lock();
            if queue.closed || queue.overflowed {
                return false;
            }
            if self.unwritten() + message.bytes.len() > self.max_queued_bytes {
                queue.overflowed = true;
                (false, queue.waker.take())
            } else {
                self.add_unwritten(message.bytes.len());
                queue.messages.push(message.clone());
                (true, queue.waker.take())
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        accepted
    }

    /// Moves what is queued to `pending` and keeps the waker for what comes next.
    pub(super) fn take(&self, pending: &mut impl Extend<Outbound>, waker: &Waker) -> Taken {
        let mut queue = self.lock();
        if queue.overflowed {
            return Taken::Overflowed;
        }
        pending.extend(queue.messages.drain(..));
        if !queue.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            queue.waker = Some(waker.clone());
        }
        Taken::Messages
    }

    /// Refuses everything from here on and returns what is still queued.
    pub(super) fn close(&self) -> Vec<Outbound> {
        let mut queue = self.lock();
        queue.closed = true;
        queue.waker = None;
        std::mem::take(&mut queue.messages)
    }

    /// Wakes the task without a message.
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Bytes that are not written yet.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten_bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes that the task adds to its own share.
    pub(super) fn add_unwritten(&self, bytes: usize) {
        self.unwritten_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes as written.
    pub(super) fn written(&self, bytes: usize) {
        self.unwritten_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use offhook_sip_message::Transport;

    use super::*;
    use crate::Ticket;

    fn message(bytes: usize) -> Outbound {
        let flow = Flow {
            transport: Transport::Tcp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: "127.0.0.1:40000".parse().unwrap(),
            connection: None,
        };
        Outbound {
            flow,
            bytes: Bytes::from(vec![b'x'; bytes]),
            ticket: Ticket { owner: 0, number: 7 },
        }
    }

    #[test]
    fn a_queue_takes_what_fits_and_nothing_after_it_ran_over() {
        let link = Link::new(ConnectionId(1), Origin::Accepted, message(0).flow, 100);
        assert!(link.push(&message(60)));
        assert!(link.push(&message(40)));
        assert!(!link.push(&message(1)));
        assert!(!link.push(&message(0)));
        let mut pending = Vec::new();
        assert_eq!(link.take(&mut pending, Waker::noop()), Taken::Overflowed);
        assert_eq!(link.close().len(), 2);
    }

    #[test]
    fn bytes_count_until_they_are_written() {
        let link = Link::new(ConnectionId(1), Origin::Accepted, message(0).flow, 100);
        assert!(link.push(&message(100)));
        let mut pending = Vec::new();
        assert_eq!(link.take(&mut pending, Waker::noop()), Taken::Messages);
        assert_eq!((pending.len(), link.unwritten()), (1, 100));
        link.written(100);
        assert!(link.push(&message(100)));
    }

    #[test]
    fn a_closed_link_refuses() {
        let link = Link::new(ConnectionId(1), Origin::Opened, message(0).flow, 100);
        assert!(link.close().is_empty());
        assert!(!link.push(&message(1)));
    }
}
