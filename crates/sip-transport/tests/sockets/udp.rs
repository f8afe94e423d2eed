//! UDP over real sockets of the loopback interface.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process;
use std::time::Duration;

use crate::support::{DEADLINE, Event, Running, flow_to, message, numbered};
use offhook_sip_message::Transport;
use offhook_sip_transport::{BindError, Listener, TransportConfig, Transports};

fn peer(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

#[test]
fn batches_are_answered_in_order() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |_| {});
    let peer = peer("127.0.0.1:0");
    peer.connect(running.addr()).unwrap();
    for index in 0..100 {
        peer.send(message("ECHO", &format!("{index}")).as_bytes()).unwrap();
    }
    for index in 0..100 {
        let (bytes, _) = receive(&peer);
        assert_eq!(bytes, message("ECHO", &format!("{index}")).as_bytes());
    }
    running.wait_for_stat("the counter", 100, |stats| stats.udp_sent);
    assert_eq!(running.transports.stats().udp_received, 100);
}

#[test]
fn several_workers_serve_one_port() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |config| config.udp.workers = 3);
    running.wait_for_stat("three workers", 3, |stats| stats.udp_workers);
    for _ in 0..20 {
        let peer = peer("127.0.0.1:0");
        peer.send_to(message("ECHO", "x").as_bytes(), running.addr()).unwrap();
        assert_eq!(receive(&peer).1, running.addr());
    }
}

#[test]
fn a_wildcard_listener_answers_from_the_address_that_was_asked() {
    let running = Running::on(Transport::Udp, "0.0.0.0:0", |_| {});
    let port = running.addr().port();
    let peer = peer("127.0.0.1:0");
    for last in [1, 2, 77] {
        let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        peer.send_to(message("ECHO", "x").as_bytes(), asked).unwrap();
        assert_eq!(receive(&peer).1, asked);
    }
    let events = running.recorder.wait("three messages", |events| events.len() == 3);
    let locals: HashSet<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Received(flow, _) => Some(flow.local),
            Event::SendFailed(_) | Event::FlowClosed(_) => None,
        })
        .collect();
    assert!(locals.contains(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 77), port))));
}

#[test]
fn ipv6_works_with_and_without_a_wildcard() {
    for addr in ["[::1]:0", "[::]:0"] {
        let running = Running::on(Transport::Udp, addr, |_| {});
        let asked = SocketAddr::new("::1".parse().unwrap(), running.addr().port());
        let peer = peer("[::1]:0");
        peer.send_to(message("ECHO", "x").as_bytes(), asked).unwrap();
        assert_eq!(receive(&peer).1, asked);
        assert_eq!(running.recorder.first_flow().local, asked);
    }
}

#[test]
fn other_threads_send_through_their_own_outbox() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |_| {});
    let peer = peer("127.0.0.1:0");
    let flow = flow_to(&running, peer.local_addr().unwrap());
    running.send(flow, "from a timer", 1);
    assert_eq!(receive(&peer), (b"from a timer".to_vec(), running.addr()));
}

#[test]
fn oversized_and_keepalive_datagrams_are_counted_and_dropped() {
    let running =
        Running::on(Transport::Udp, "127.0.0.1:0", |config| config.message.max_message_bytes = 600);
    let peer = peer("127.0.0.1:0");
    peer.connect(running.addr()).unwrap();
    for datagram in [&b"\r\n\r\n"[..], &[0], b"", &[b'x'; 601], &[b'x'; 5000], &[b'x'; 600]] {
        peer.send(datagram).unwrap();
    }
    running.recorder.wait("the one at the limit", |events| events.len() == 1);
    running.wait_for_stat("the counter", 1, |stats| stats.udp_received);
    let stats = running.transports.stats();
    assert_eq!((stats.udp_oversized, stats.udp_keepalives, stats.udp_received), (2, 3, 1));
}

#[test]
fn a_datagram_that_cannot_be_sent_is_reported_and_does_not_hold_up_the_next() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |_| {});
    let peer = peer("127.0.0.1:0");
    let flow = flow_to(&running, peer.local_addr().unwrap());
    let mut out = running.transports.outbox();
    for (bytes, ticket) in [("first".to_owned(), 1), ("x".repeat(66_000), 2), ("last".into(), 3)] {
        out.push(offhook_sip_transport::Outbound {
            flow,
            bytes: bytes.into(),
            ticket: numbered(ticket),
        });
    }
    out.flush();
    let events = running.recorder.wait("the failure", |events| !events.is_empty());
    assert_eq!(events, [Event::SendFailed(2)]);
    assert_eq!(receive(&peer).0, b"first");
    assert_eq!(receive(&peer).0, b"last");
}

#[test]
fn a_local_address_that_nobody_listens_on_is_a_failure() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |_| {});
    let mut flow = flow_to(&running, "127.0.0.1:9".parse().unwrap());
    flow.local.set_port(1);
    running.send(flow, "x", 5);
    flow = flow_to(&running, "[::1]:9".parse().unwrap());
    running.send(flow, "x", 6);
    flow.transport = Transport::Tls;
    running.send(flow, "x", 7);
    let events = running.recorder.wait("three failures", |events| events.len() == 3);
    assert_eq!(events, [Event::SendFailed(5), Event::SendFailed(6), Event::SendFailed(7)]);
}

#[test]
fn an_icmp_error_finds_the_ticket_and_spares_the_others() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |_| {});
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = peer("127.0.0.1:0");
    let alive = peer.local_addr().unwrap();
    for round in 0..50 {
        running.send(flow_to(&running, gone), "to nobody", 1000 + round);
        running.send(flow_to(&running, alive), format!("{round}"), 1);
        assert_eq!(receive(&peer).0, format!("{round}").as_bytes());
    }
    let events = running.recorder.wait("50 failures", |events| events.len() == 50);
    let tickets: HashSet<_> = events.into_iter().collect();
    assert!((1000..1050).all(|ticket| tickets.contains(&Event::SendFailed(ticket))));
}

#[test]
fn a_port_in_use_names_its_holder_even_beside_a_reuseport_group() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |config| config.udp.workers = 2);
    let listener = Listener { transport: Transport::Udp, addr: running.addr() };
    let mut config = TransportConfig::new(vec![listener]);
    config.udp.workers = 2;
    let error = Transports::bind(config).unwrap_err();
    let BindError::InUse { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(holder.as_ref().map(|holder| holder.pid), Some(process::id()), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot listen on udp:{}", running.addr())));
}

#[test]
fn configurations_without_a_way_to_serve_are_refused() {
    let error = Transports::bind(TransportConfig::new(Vec::new())).unwrap_err();
    assert!(matches!(error, BindError::NoListener));
    let tls = Listener { transport: Transport::Tls, addr: "127.0.0.1:0".parse().unwrap() };
    let error = Transports::bind(TransportConfig::new(vec![tls])).unwrap_err();
    assert!(matches!(error, BindError::Unsupported { .. }));
}

#[test]
fn shutdown_joins_the_workers_and_closes_the_port() {
    let running = Running::on(Transport::Udp, "127.0.0.1:0", |config| config.udp.workers = 2);
    running.wait_for_stat("two workers", 2, |stats| stats.udp_workers);
    running.shutdown(Duration::from_secs(1));
    assert_eq!(running.transports.stats().udp_workers, 0);
    let addr = running.addr();
    drop(running);
    UdpSocket::bind(addr).unwrap();
}
