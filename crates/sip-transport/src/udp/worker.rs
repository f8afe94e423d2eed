//! The loop of a UDP worker: read a batch, carry every message to its end, write the replies.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use offhook_sip_message::{Flow, Transport};

use super::batch::{Arrival, ReceiveBatch};
use super::endpoint::Endpoint;
use crate::outbox::Home;
use crate::shared::{Phase, Shared};
use crate::{Inbound, Outbox};

/// How many receive calls may fail in a row before the worker gives up its socket.
const MAX_CONSECUTIVE_ERRORS: u32 = 1000;

/// Serves the endpoint with this index until the transports stop.
pub(crate) fn run(shared: &Arc<Shared>, endpoint: usize) {
    let Some(socket) = shared.endpoints.get(endpoint) else {
        return;
    };
    let _running = Running::new(shared);
    let mut out = Outbox::new(Arc::clone(shared), Home::Endpoint(endpoint));
    // One byte more than a message may have, so that a datagram at the limit is told from one beyond.
    let slot_bytes = shared.config.message.max_message_bytes.saturating_add(1);
    let mut batch = ReceiveBatch::new(shared.config.udp.batch_datagrams, slot_bytes);
    let mut consecutive_errors = 0;
    while shared.phase() == Phase::Running {
        match batch.receive(&socket.socket) {
            Ok(_) => {
                consecutive_errors = 0;
                deliver(shared, socket, &batch, &mut out);
            }
            Err(error) if is_timeout(&error) => consecutive_errors = 0,
            Err(error) => {
                let mut failed = Vec::new();
                if !socket.drain_errors(&shared.counters, &mut failed) {
                    shared.counters.udp_errors.increment();
                    consecutive_errors += 1;
                    tracing::debug!(%error, local = %socket.bound(), "cannot receive datagrams");
                }
                for (flow, ticket) in failed {
                    shared.receiver.send_failed(flow, ticket, &mut out);
                }
                out.flush();
            }
        }
        if consecutive_errors > MAX_CONSECUTIVE_ERRORS {
            tracing::error!(local = %socket.bound(), "the UDP socket is unusable; its worker ends");
            return;
        }
    }
    out.flush();
}

/// Hands a batch to the receiver and writes what it answered.
fn deliver(shared: &Shared, socket: &Endpoint, batch: &ReceiveBatch, out: &mut Outbox) {
    let mut received = 0;
    for arrival in batch.arrivals() {
        if let Some(inbound) = accept(shared, socket, &arrival) {
            received += 1;
            shared.receiver.receive(inbound, out);
        }
    }
    shared.counters.udp_received.add(received);
    shared.receiver.batch_done(out);
    out.flush();
}

/// Turns a datagram into a message, unless it is a keep-alive or too long.
fn accept(shared: &Shared, socket: &Endpoint, arrival: &Arrival<'_>) -> Option<Inbound> {
    let remote = arrival.remote?;
    if arrival.truncated || arrival.bytes.len() > shared.config.message.max_message_bytes {
        shared.counters.udp_oversized.increment();
        return None;
    }
    // Phones keep NAT bindings open with CRLFs or NULs; no message begins with only these.
    if arrival.bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        shared.counters.udp_keepalives.increment();
        return None;
    }
    let flow = Flow {
        transport: Transport::Udp,
        local: socket.local(arrival.destination),
        remote,
        connection: None,
    };
    Some(Inbound { flow, bytes: Bytes::copy_from_slice(arrival.bytes) })
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Counts the worker as running, until it ends for whatever reason.
struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.counters.udp_workers.increment();
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.counters.udp_workers.decrement();
    }
}
