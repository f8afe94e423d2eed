//! Which tickets went to whom lately, so that an ICMP error finds the messages that it concerns.

use std::collections::VecDeque;
use std::net::SocketAddr;

use offhook_sip_message::Flow;

use crate::Ticket;

/// How many sends are remembered per listener. An ICMP error follows within a round trip; at 50,000
/// ticketed messages a second this still covers 20 ms, and a miss costs only the early notice.
const CAPACITY: usize = 1024;

/// The last sends with a ticket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RecentSends(VecDeque<(Flow, Ticket)>);

impl RecentSends {
    /// Remembers a send, forgetting the oldest when full. Ticket 0 is not worth a place.
    pub(super) fn record(&mut self, flow: Flow, ticket: Ticket) {
        if !ticket.is_wanted() {
            return;
        }
        if self.0.len() >= CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back((flow, ticket));
    }

    /// Moves every send to `remote` into `failed`.
    pub(super) fn take(&mut self, remote: SocketAddr, failed: &mut Vec<(Flow, Ticket)>) {
        self.0.retain(|&(flow, ticket)| {
            let concerned = flow.remote.ip() == remote.ip() && flow.remote.port() == remote.port();
            if concerned {
                failed.push((flow, ticket));
            }
            !concerned
        });
    }
}
