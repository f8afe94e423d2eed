//! The relay engine, driven as a shell drives it: commands, packets and time in; SDP, packets and
//! actions out.

mod any_order;
mod lifetime;
mod offer_answer;
mod packets;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use bytes::Bytes;
use offhook_engine::{Instant, Now, UnixTime};
use offhook_media::{Action, CallSummary, EndReason, PortPair, Relay, RelayConfig, SocketKey};
use offhook_ng_protocol::{AddressFamily, Command, Delete, Exchange, Query, Reply, Report};
use offhook_sdp::{Description, Host, Limits};

/// A relay at 192.0.2.1 and 2001:db8::1, with a shell that never runs out of ports.
struct Bench {
    relay: Relay,
    now: Now,
    next_port: u16,
    sockets: BTreeMap<u16, SocketKey>,
    ended: Vec<(EndReason, CallSummary)>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut RelayConfig)) -> Self {
        let v6 = "2001:db8::1".parse().expect("address");
        let mut config = RelayConfig::new(vec![[192, 0, 2, 1].into(), v6]);
        change(&mut config);
        Self {
            relay: Relay::new(config, 1),
            now: Now { mono: Instant::ZERO, wall: UnixTime::from_millis(1_000_000) },
            next_port: 20_000,
            sockets: BTreeMap::new(),
            ended: Vec::new(),
        }
    }

    fn execute(&mut self, command: Command) -> Reply {
        let families = match self.relay.ports_needed(&command) {
            Ok(families) => families,
            Err(error) => return error.reply(),
        };
        let ports = families.into_iter().map(|family| {
            self.next_port += 2;
            PortPair { ipv6: family == AddressFamily::Ip6, rtp: self.next_port - 2 }
        });
        let ports = ports.collect();
        let reply = self.relay.execute(&command, ports, self.now);
        self.drain();
        reply
    }

    fn drain(&mut self) {
        while let Some(action) = self.relay.poll_action() {
            match action {
                Action::Open { pair, rtp } => {
                    self.sockets.insert(pair.rtp, rtp);
                    self.sockets.insert(pair.rtcp(), rtp.rtcp());
                }
                Action::Close { pair, rtp } => {
                    assert_eq!(self.sockets.remove(&pair.rtp), Some(rtp));
                    assert_eq!(self.sockets.remove(&pair.rtcp()), Some(rtp.rtcp()));
                }
                Action::Release { pair } => assert!(!self.sockets.contains_key(&pair.rtp)),
                Action::Ended { reason, summary } => self.ended.push((reason, *summary)),
            }
        }
    }

    /// Sends an offer through the relay and returns the SDP that comes out.
    fn offer(&mut self, from: &str, to: Option<&str>, sdp: &str) -> String {
        self.body(Command::Offer(Box::new(exchange(from, to, sdp))))
    }

    fn answer(&mut self, from: &str, to: &str, sdp: &str) -> String {
        self.body(Command::Answer(Box::new(exchange(from, Some(to), sdp))))
    }

    fn body(&mut self, command: Command) -> String {
        let reply = self.execute(command);
        let sdp = reply.sdp().unwrap_or_else(|| panic!("{reply:?}"));
        String::from_utf8(sdp.to_vec()).expect("text")
    }

    /// A call between a caller and a callee that send from where their SDP says. Returns the
    /// relay's RTP ports that face the caller and the callee.
    fn call(&mut self, caller: &str, callee: &str) -> (u16, u16) {
        let facing_callee = port(&self.offer("a", None, &sdp(caller)));
        let facing_caller = port(&self.answer("a", "b", &sdp(callee)));
        (facing_caller, facing_callee)
    }

    fn delete(&mut self, change: impl FnOnce(&mut Delete)) -> Reply {
        let mut delete = Delete::new("call".into());
        change(&mut delete);
        self.execute(Command::Delete(delete))
    }

    fn query(&mut self) -> Report {
        let query = Query { call_id: "call".into(), from_tag: None, to_tag: None };
        let reply = self.execute(Command::Query(query));
        let Reply::Report { report, .. } = reply else { panic!("{reply:?}") };
        *report
    }

    /// Receives a packet at a local port; returns from which port and to where it leaves.
    fn packet(&mut self, port: u16, from: &str, packet: &[u8]) -> Option<(u16, SocketAddr)> {
        let socket = self.sockets[&port];
        let forward = self.relay.handle_packet(socket, address(from), packet, self.now)?;
        let (port, _) = self.sockets.iter().find(|(_, key)| **key == forward.socket)?;
        Some((*port, forward.to))
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.relay.handle_timeout(self.now);
        self.drain();
    }
}

const RTP: [u8; 172] = {
    let mut packet = [0; 172];
    packet[0] = 0x80;
    packet
};
const RTCP: [u8; 28] = {
    let mut packet = [0; 28];
    packet[0] = 0x80;
    packet[1] = 200;
    packet
};

fn exchange(from: &str, to: Option<&str>, sdp: &str) -> Exchange {
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let mut exchange = Exchange::new("call".into(), text(from), text(sdp));
    exchange.to_tag = to.map(text);
    exchange
}

/// An SDP with one audio medium at `ip:port`.
fn sdp(at: &str) -> String {
    sdp_with(at, "")
}

fn sdp_with(at: &str, lines: &str) -> String {
    let at = address(at);
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 1 1 IN {family} {0}\r\ns=-\r\nc=IN {family} {0}\r\nt=0 0\r\n\
         m=audio {1} RTP/AVP 0\r\n{lines}",
        at.ip(),
        at.port(),
    )
}

fn port(sdp: &str) -> u16 {
    let description = Description::parse(sdp.as_bytes(), &Limits::default()).expect("SDP");
    let media = &description.media()[0];
    let host = description.connection_of(media).map(offhook_sdp::Connection::host);
    assert!(matches!(host, Some(Host::Address(_))), "{sdp}");
    media.port()
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("address")
}

fn to(port: u16, to: &str) -> Option<(u16, SocketAddr)> {
    Some((port, address(to)))
}
