//! Where messages to be sent are collected and written in one batch.

use std::sync::Arc;

use offhook_sip_message::{Flow, Transport};

use crate::shared::Shared;
use crate::{Outbound, Ticket, tcp};

/// Whose thread or task the outbox belongs to: what is sent from there needs no detour.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Home {
    /// A thread without a socket.
    Elsewhere,
    /// The worker of the UDP socket with this index.
    Endpoint(usize),
    /// The task of the connection with this flow.
    Connection(Flow),
}

/// Collects messages, then writes them with as few system calls as possible.
///
/// A [`crate::Receiver`] finds one in every call and need not flush it. Other threads get one from
/// [`crate::Transports::outbox`] and call [`Outbox::flush`] themselves; what was not flushed when the
/// outbox is dropped is not sent.
pub struct Outbox {
    shared: Arc<Shared>,
    home: Home,
    queued: Vec<Outbound>,
    /// For the connection whose task this is; its task writes them itself.
    own: Vec<Outbound>,
    /// Emptied by every flush; kept for its allocation.
    sending: Vec<Outbound>,
    failed: Vec<(Flow, Ticket)>,
}

impl Outbox {
    pub(crate) fn new(shared: Arc<Shared>, home: Home) -> Self {
        Self {
            shared,
            home,
            queued: Vec::new(),
            own: Vec::new(),
            sending: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Adds a message to the batch.
    pub fn push(&mut self, message: Outbound) {
        match self.home {
            Home::Connection(own)
                if own.connection == message.flow.connection
                    && own.remote == message.flow.remote =>
            {
                self.own.push(message);
            }
            Home::Connection(_) | Home::Endpoint(_) | Home::Elsewhere => self.queued.push(message),
        }
    }

    /// Writes the batch. Messages that fail at once are reported to the receiver before this returns,
    /// and what the receiver sends in answer is written too.
    pub fn flush(&mut self) {
        while !self.queued.is_empty() || !self.failed.is_empty() {
            std::mem::swap(&mut self.queued, &mut self.sending);
            let sending = std::mem::take(&mut self.sending);
            self.write(&sending);
            self.sending = sending;
            self.sending.clear();
            let mut failed = std::mem::take(&mut self.failed);
            let receiver = Arc::clone(&self.shared.receiver);
            for (flow, ticket) in failed.drain(..) {
                receiver.send_failed(flow, ticket, self);
            }
            if self.failed.is_empty() {
                self.failed = failed;
            }
        }
    }

    /// The messages for the connection whose task this is, which has to write them.
    pub(crate) fn take_own(&mut self) -> std::vec::Drain<'_, Outbound> {
        self.own.drain(..)
    }

    fn write(&mut self, messages: &[Outbound]) {
        let preferred = match self.home {
            Home::Endpoint(index) => Some(index),
            Home::Connection(_) | Home::Elsewhere => None,
        };
        let mut rest = messages;
        while let Some(first) = rest.first() {
            let (run, others) = match first.flow.transport {
                Transport::Udp => self.write_datagrams(rest, preferred),
                Transport::Tcp => {
                    if !tcp::send(&self.shared, first) {
                        self.shared.counters.tcp_send_failed.increment();
                        self.fail(first);
                    }
                    rest.split_at(1)
                }
                Transport::Tls | Transport::Ws | Transport::Wss => {
                    self.fail(first);
                    rest.split_at(1)
                }
            };
            debug_assert!(!run.is_empty(), "every round makes progress");
            rest = others;
        }
    }

    /// Writes the longest run of messages that leave by one UDP socket; returns it and the rest.
    fn write_datagrams<'a>(
        &mut self,
        messages: &'a [Outbound],
        preferred: Option<usize>,
    ) -> (&'a [Outbound], &'a [Outbound]) {
        let route = |message: &Outbound| {
            let same_family = message.flow.local.is_ipv4() == message.flow.remote.is_ipv4();
            let udp = message.flow.transport == Transport::Udp && same_family;
            udp.then(|| self.shared.endpoint_for(message.flow.local, preferred)).flatten()
        };
        let chosen = messages.first().and_then(route);
        let Some((index, endpoint)) =
            chosen.and_then(|index| Some((index, self.shared.endpoints.get(index)?)))
        else {
            // No socket serves that local address.
            let (run, others) = messages.split_at(1);
            self.shared.counters.udp_send_failed.increment();
            run.iter().for_each(|message| self.fail(message));
            return (run, others);
        };
        let length = messages.iter().take_while(|message| route(message) == Some(index)).count();
        let (run, others) = messages.split_at(length);
        endpoint.send(run, &self.shared.counters, &mut self.failed);
        (run, others)
    }

    fn fail(&mut self, message: &Outbound) {
        if message.ticket.is_wanted() {
            self.failed.push((message.flow, message.ticket));
        }
    }
}
