//! One worker's relay engine, joined to its sockets.

use std::{net::SocketAddr, time::Duration};

use offhook_engine::Now;
use offhook_media::{Action, CallSummary, EndReason, PortPair, Relay, RelayError, SocketKey};
use offhook_media_io::{Forwarder, MediaIoError, SocketPair, Sockets, Worker};
use offhook_ng_protocol::{AddressFamily, Command, Reply};
use offhook_platform::SystemClock;

/// How long the worker waits for packets where no deadline is set; it has a limit of its own.
const NO_DEADLINE: Duration = Duration::from_secs(3600);

/// One relay engine and the clock that it is driven by.
pub(crate) struct Shard {
    pub(crate) relay: Relay,
    clock: SystemClock,
    /// The time of the present batch.
    now: Now,
}

impl Shard {
    pub(crate) fn new(relay: Relay, clock: SystemClock) -> Self {
        Self { relay, clock, now: clock.now() }
    }

    pub(crate) fn ports_needed(&self, command: &Command) -> Result<Vec<AddressFamily>, RelayError> {
        self.relay.ports_needed(command)
    }

    /// Carries a command out with the ports that it needs, and opens them on this worker.
    pub(crate) fn execute(
        &mut self,
        command: &Command,
        mut pairs: Vec<SocketPair>,
        worker: &Worker<Self>,
        sockets: &mut Sockets,
    ) -> Reply {
        let ports = pairs.iter().map(|pair| PortPair { ipv6: pair.is_ipv6(), rtp: pair.port() });
        let reply = self.relay.execute(command, ports.collect(), self.clock.now());
        let opened = self.act(sockets, |sockets, pair, rtp| {
            let is_it =
                |found: &SocketPair| found.port() == pair.rtp && found.is_ipv6() == pair.ipv6;
            match pairs.iter().position(is_it) {
                Some(index) => worker.open(sockets, rtp.index(), pairs.swap_remove(index)),
                None => Ok(()),
            }
        });
        match opened {
            Ok(()) => reply,
            Err(error) => {
                tracing::error!(%error, "the ports of a call cannot be opened");
                Reply::error("Cannot open ports")
            }
        }
    }

    /// Ends every session.
    pub(crate) fn end_all(&mut self, sockets: &mut Sockets) {
        self.relay.end_all();
        self.close(sockets);
    }

    /// Does what the engine asks for after anything but a command: no port is opened then.
    fn close(&mut self, sockets: &mut Sockets) {
        // Without a port to open, nothing can fail.
        let _ = self.act(sockets, |_, _, _| Ok(()));
    }

    /// Does what the engine asks for. An error does not keep it from doing the rest.
    fn act(
        &mut self,
        sockets: &mut Sockets,
        mut open: impl FnMut(&mut Sockets, PortPair, SocketKey) -> Result<(), MediaIoError>,
    ) -> Result<(), MediaIoError> {
        let mut result = Ok(());
        while let Some(action) = self.relay.poll_action() {
            match action {
                Action::Open { pair, rtp } => {
                    if let Err(error) = open(sockets, pair, rtp) {
                        result = Err(error);
                    }
                }
                Action::Close { rtp, .. } => sockets.close(rtp.index()),
                // Its sockets close when the command's list of them is dropped.
                Action::Release { .. } => {}
                Action::Ended { reason, summary } => log_end(reason, &summary),
            }
        }
        result
    }
}

impl Forwarder for Shard {
    fn begin_batch(&mut self, sockets: &mut Sockets) -> Duration {
        self.now = self.clock.now();
        self.relay.handle_timeout(self.now);
        self.close(sockets);
        let deadline = self.relay.next_deadline();
        deadline.map_or(NO_DEADLINE, |deadline| deadline - self.now.mono)
    }

    fn forward(
        &mut self,
        key: u32,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Option<(u32, SocketAddr)> {
        let socket = SocketKey::from_index(key);
        let forward = self.relay.handle_packet(socket, from, packet, self.now)?;
        Some((forward.socket.index(), forward.to))
    }

    fn send_failed(&mut self) {
        self.relay.handle_send_failure();
    }
}

fn log_end(reason: EndReason, summary: &CallSummary) {
    let call_id = summary.call_id.escape_ascii();
    let (caller, callee) = (summary.from_caller, summary.from_callee);
    tracing::info!(
        %call_id,
        reason = reason.as_str(),
        answered = summary.answered,
        packets_from_caller = caller.packets,
        packets_from_callee = callee.packets,
        dropped = caller.errors + callee.errors,
        "media session ended"
    );
}
