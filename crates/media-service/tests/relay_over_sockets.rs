//! Two phones talk through the relay over real sockets, driven by real ng datagrams.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    ops::RangeInclusive,
    time::Duration,
};

use bytes::Bytes;
use offhook_media_service::{MediaConfig, MediaHandle, MediaService, NgListener};
use offhook_ng_protocol::{
    BencodeLimits, Command, Delete, Exchange, Frame, List, Query, Reply, Report,
};
use offhook_platform::SystemClock;
use tokio::runtime::Runtime;

/// How long a packet that is to come may take, and one that is not to come is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(100);

const RTP: [u8; 172] = {
    let mut packet = [7; 172];
    packet[0] = 0x80;
    packet[1] = 0;
    packet
};
const RTCP: [u8; 28] = {
    let mut packet = [7; 28];
    packet[0] = 0x80;
    packet[1] = 200;
    packet
};

struct Relay {
    handle: MediaHandle,
    ng: SocketAddr,
    client: UdpSocket,
    cookie: u32,
    /// Carries the listener.
    _runtime: Runtime,
}

impl Relay {
    fn start(ports: RangeInclusive<u16>) -> Self {
        let loopback = [127, 0, 0, 1].into();
        let mut config = MediaConfig::new(loopback, loopback, ports);
        config.workers = 2;
        let clock = SystemClock::start();
        let handle = MediaService::start(&config, clock, 1).expect("relay");
        let runtime = Runtime::new().expect("runtime");
        let address = SocketAddr::new(loopback, 0);
        let listener = NgListener::bind(handle.clone(), address, clock, 1);
        let listener = runtime.block_on(listener).expect("listener");
        let ng = listener.local_addr().expect("address");
        runtime.spawn(listener.run());
        Self { handle, ng, client: socket(), cookie: 0, _runtime: runtime }
    }

    /// Sends a command over UDP and returns the reply.
    fn ng(&mut self, command: &Command) -> Reply {
        self.cookie += 1;
        self.ng_with(&format!("c{}", self.cookie), command)
    }

    fn ng_with(&self, cookie: &str, command: &Command) -> Reply {
        let frame = Frame { cookie: cookie.to_owned().into(), document: command.encode() };
        self.client.send_to(&frame.encode(), self.ng).expect("send");
        let datagram = receive(&self.client).expect("a reply").0;
        let reply = Frame::parse(datagram.into()).expect("a frame");
        assert_eq!(reply.cookie, frame.cookie);
        Reply::decode(&reply.document, &BencodeLimits::default()).expect("a reply")
    }

    /// A call between two phones. Returns the relay's RTP addresses that face each of them.
    fn call(&mut self, call_id: &str, caller: &Phone, callee: &Phone) -> [SocketAddr; 2] {
        let offer = offer(call_id, &caller.sdp);
        let to_callee = self.ng(&Command::Offer(Box::new(offer.clone())));
        let mut answer = Exchange { sdp: callee.sdp.clone(), ..offer };
        answer.to_tag = Some("b".into());
        let to_caller = self.ng(&Command::Answer(Box::new(answer)));
        [to_caller, to_callee].map(|reply| media_address(&reply))
    }

    fn query(&mut self, call_id: &'static str) -> Report {
        let query = Query { call_id: call_id.into(), from_tag: None, to_tag: None };
        let reply = self.ng(&Command::Query(query));
        let Reply::Report { report, .. } = reply else { panic!("{reply:?}") };
        *report
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// A phone with an RTP and an RTCP socket.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    sdp: Bytes,
}

impl Phone {
    fn new() -> Self {
        let (rtp, rtcp) = (socket(), socket());
        let sdp = sdp(port_of(&rtp), port_of(&rtcp));
        Self { rtp, rtcp, sdp }
    }
}

fn sdp(rtp: u16, rtcp: u16) -> Bytes {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {rtp} RTP/AVP 0\r\na=rtcp:{rtcp}\r\n"
    )
    .into()
}

fn offer(call_id: &str, sdp: &Bytes) -> Exchange {
    Exchange::new(call_id.to_owned().into(), "a".into(), sdp.clone())
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket
}

fn port_of(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("address").port()
}

fn receive(socket: &UdpSocket) -> io::Result<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer)?;
    Ok((buffer[..length].to_vec(), from))
}

fn media_address(reply: &Reply) -> SocketAddr {
    let sdp = reply.sdp().unwrap_or_else(|| panic!("{reply:?}"));
    let sdp = std::str::from_utf8(sdp).expect("text");
    let port = sdp.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
    SocketAddr::from(([127, 0, 0, 1], port.and_then(|port| port.parse().ok()).expect("port")))
}

/// Sends a packet to the relay and checks that it comes out, and from where.
fn passes(packet: &[u8], from: &UdpSocket, into: SocketAddr, out_of: SocketAddr, to: &UdpSocket) {
    from.send_to(packet, into).expect("send");
    assert_eq!(receive(to).expect("a packet"), (packet.to_vec(), out_of));
}

fn beside(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port() + 1)
}

#[test]
fn phones_talk_both_ways_and_strangers_do_not() {
    let mut relay = Relay::start(32_000..=32_099);
    let (alice, bob) = (Phone::new(), Phone::new());
    let [to_alice, to_bob] = relay.call("call", &alice, &bob);
    for _ in 0..5 {
        passes(&RTP, &alice.rtp, to_alice, to_bob, &bob.rtp);
        passes(&RTP, &bob.rtp, to_bob, to_alice, &alice.rtp);
    }
    passes(&RTCP, &alice.rtcp, beside(to_alice), beside(to_bob), &bob.rtcp);
    passes(&RTCP, &bob.rtcp, beside(to_bob), beside(to_alice), &alice.rtcp);

    let mallory = socket();
    mallory.send_to(&RTP, to_alice).expect("send");
    bob.rtp.set_read_timeout(Some(SILENCE)).expect("timeout");
    assert!(receive(&bob.rtp).is_err(), "a stranger's packet came through");
    passes(&RTP, &bob.rtp, to_bob, to_alice, &alice.rtp);

    let report = relay.query("call");
    assert_eq!((report.totals.rtp.packets, report.totals.rtp.errors), (11, 1));
    assert_eq!((report.totals.rtcp.packets, report.totals.rtcp.bytes), (2, 2 * 28));
    assert_eq!(relay.ng(&Command::List(List::default())), Reply::Calls(vec!["call".into()]));
    let summary = &relay.handle.calls()[0];
    assert_eq!((summary.media, summary.answered, summary.from_caller.errors), (1, true, 1));

    let deleted = relay.ng(&Command::Delete(Delete::new("call".into())));
    assert!(matches!(deleted, Reply::Report { .. }), "{deleted:?}");
    assert_eq!(relay.handle.stats().port_pairs_in_use, 0);
    UdpSocket::bind(to_alice).expect("the port is free again");
}

#[test]
fn a_phone_that_sends_from_elsewhere_is_found() {
    let mut relay = Relay::start(32_100..=32_199);
    let (alice, bob) = (Phone::new(), Phone::new());
    let behind_nat = Phone { sdp: sdp(9, 10), ..Phone::new() };
    let [to_alice, to_bob] = relay.call("nat", &behind_nat, &bob);
    passes(&RTP, &alice.rtp, to_alice, to_bob, &bob.rtp);
    passes(&RTP, &bob.rtp, to_bob, to_alice, &alice.rtp);
}

#[test]
fn many_calls_share_the_workers() {
    let mut relay = Relay::start(32_200..=32_399);
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let (alice, bob) = (Phone::new(), Phone::new());
            let addresses = relay.call(&format!("call-{number}"), &alice, &bob);
            (alice, bob, addresses)
        })
        .collect();
    for (alice, bob, [to_alice, to_bob]) in &calls {
        passes(&RTP, &alice.rtp, *to_alice, *to_bob, &bob.rtp);
        passes(&RTP, &bob.rtp, *to_bob, *to_alice, &alice.rtp);
    }
    let stats = relay.handle.stats();
    assert_eq!((stats.relay.sessions, stats.relay.packets, stats.port_pairs_in_use), (20, 40, 40));
}

#[test]
fn a_retransmitted_command_gets_the_same_reply_and_does_nothing() {
    let relay = Relay::start(32_400..=32_499);
    let command = Command::Offer(Box::new(offer("again", &Phone::new().sdp)));
    let first = relay.ng_with("same", &command);
    assert!(first.sdp().is_some(), "{first:?}");
    relay.ng_with("other", &Command::Delete(Delete::new("again".into())));
    assert_eq!(relay.ng_with("same", &command), first);
    assert_eq!(relay.handle.stats().relay.offers, 1);
    assert_eq!(relay.handle.stats().relay.sessions, 0);
}

#[test]
fn exhausted_ports_are_a_clear_error_and_none_is_lost() {
    let mut relay = Relay::start(32_500..=32_503);
    let phone = Phone::new();
    let offered = |call_id: &str| Command::Offer(Box::new(offer(call_id, &phone.sdp)));
    assert!(relay.ng(&offered("one")).is_ok());
    let refused = relay.ng(&offered("two"));
    let reason = "Ran out of ports: all UDP ports from 32500 to 32503 are in use";
    assert_eq!(refused, Reply::error(reason));
    assert!(matches!(relay.handle.execute(offered("two")), Reply::LoadLimit { .. }));
    assert!(relay.ng(&Command::Delete(Delete::new("one".into()))).is_ok());
    assert!(relay.ng(&offered("two")).is_ok());
}

#[test]
fn bad_commands_are_answered_and_noise_is_not() {
    let mut relay = Relay::start(32_600..=32_603);
    let cut_off = b"1 d7:command9:offer".as_slice();
    for (datagram, reply) in [
        (cut_off, "1 d12:error-reason72:Could not decode bencode dictionary: the document ends"),
        (b"2 d7:command3:sdpi5e3:abce", "2 d12:error-reason"),
        (b"3 d7:command4:teste", "3 d12:error-reason20:Unrecognized command6:result5:errore"),
        (b"4 d7:command4:pinge", "4 d6:result4:ponge"),
    ] {
        relay.client.send_to(datagram, relay.ng).expect("send");
        let answered = receive(&relay.client).expect("a reply").0;
        let answered = String::from_utf8(answered).expect("text");
        assert!(answered.starts_with(reply), "{answered}");
    }
    relay.client.send_to(b"noise", relay.ng).expect("send");
    assert_eq!(relay.ng(&Command::Ping), Reply::Pong);
}

#[test]
fn draining_and_shutdown() {
    let mut relay = Relay::start(32_700..=32_799);
    let (alice, bob) = (Phone::new(), Phone::new());
    let [to_alice, to_bob] = relay.call("up", &alice, &bob);
    relay.handle.drain();
    let refused = relay.handle.execute(Command::Offer(Box::new(offer("new", &alice.sdp))));
    assert!(matches!(refused, Reply::LoadLimit { .. }), "{refused:?}");
    passes(&RTP, &alice.rtp, to_alice, to_bob, &bob.rtp);
    relay.handle.shutdown();
    relay.handle.shutdown();
    assert_eq!(relay.handle.stats().relay.sessions, 0);
    UdpSocket::bind(to_alice).expect("the port is free again");
}
