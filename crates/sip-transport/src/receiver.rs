//! What goes up to the user of the transport layer, and what comes down.

use bytes::Bytes;
use offhook_sip_message::Flow;

use crate::Outbox;

/// A message that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Where it came by. `local` is the address it was sent to, on a multi-homed host too.
    pub flow: Flow,
    /// One datagram, or one framed message.
    pub bytes: Bytes,
}

/// A message to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Where it goes. `local` names the listener to send from. On TCP, `connection` names the
    /// connection; `None` takes any open connection to `remote`, or opens one.
    pub flow: Flow,
    /// The whole message.
    pub bytes: Bytes,
    /// Comes back in [`Receiver::send_failed`].
    pub ticket: Ticket,
}

/// Names the sender of a message to the user of the transport layer, which gives it its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Which part of the user sent it.
    pub owner: u32,
    /// Which of that part's messages it is; 0 means that nobody wants to know what becomes of it.
    pub number: u64,
}

impl Ticket {
    /// Nobody wants to know.
    pub const NONE: Self = Self { owner: 0, number: 0 };

    /// Whether anybody wants to know.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        self.number != 0
    }
}

/// The user of the transport layer: a proxy, a registrar, a test.
///
/// Every method is called on the thread that has the news and should run to completion there: what it
/// has to send goes into `out`, which is written in one batch when the method has returned.
pub trait Receiver: Send + Sync + 'static {
    /// A message has arrived.
    fn receive(&self, inbound: Inbound, out: &mut Outbox);

    /// The message with this ticket was not delivered, as far as that is known: no connection could be
    /// opened, the connection closed first, the datagram was too long, or the host answered that nothing
    /// listens there (RFC 3261 section 18.4). Silence is no proof of delivery.
    fn send_failed(&self, flow: Flow, ticket: Ticket, out: &mut Outbox);

    /// A connection that was open has closed. Its id is never used again.
    fn flow_closed(&self, flow: Flow, out: &mut Outbox);

    /// All messages of one read have been received; what was collected for a batch goes out here.
    fn batch_done(&self, out: &mut Outbox) {
        let _nothing_collected = out;
    }
}
