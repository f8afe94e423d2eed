//! TCP over real sockets of the loopback interface.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{DEADLINE, Event, Running, flow_to, message, numbered};
use offhook_sip_message::{ConnectionId, Transport};

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.addr()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn expect(stream: &mut TcpStream, expected: &str) {
    let mut buffer = vec![0; expected.len()];
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(String::from_utf8(buffer).unwrap(), expected);
}

fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

fn plain(_: &mut offhook_sip_transport::TransportConfig) {}

#[test]
fn messages_are_framed_whatever_the_chunks() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.set_nodelay(true).unwrap();
    let text = message("ECHO", "hello") + &message("ECHO", "") + &message("ECHO", "world");
    for chunk in [1, 7, 50, 1000] {
        for piece in text.as_bytes().chunks(chunk) {
            stream.write_all(piece).unwrap();
        }
        expect(&mut stream, &text);
    }
    running.wait_for_stat("the counter", 12, |stats| stats.tcp_sent);
    let stats = running.transports.stats();
    assert_eq!((stats.tcp_received, stats.tcp_sent, stats.tcp_connections), (12, 12, 1));
}

#[test]
fn pings_are_answered() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.write_all(b"\r\n\r\n").unwrap();
    expect(&mut stream, "\r\n");
    stream.write_all(message("ECHO", "x").as_bytes()).unwrap();
    expect(&mut stream, &message("ECHO", "x"));
    assert_eq!(running.transports.stats().tcp_pings, 1);
}

#[test]
fn a_connection_is_reused_by_id_and_by_address() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    assert_eq!(flow.remote, stream.local_addr().unwrap());
    assert!(flow.connection.is_some());
    running.send(flow, "by id", 1);
    expect(&mut stream, "by id");
    running.send(flow_to(&running, flow.remote), "by address", 2);
    expect(&mut stream, "by address");
    assert_eq!(running.transports.stats().tcp_opened, 0);
}

#[test]
fn a_connection_is_opened_on_demand_and_used_both_ways() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flow = flow_to(&running, listener.local_addr().unwrap());
    running.send(flow, "one", 1);
    running.send(flow, "two", 2);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    expect(&mut stream, "onetwo");
    stream.write_all(message("ECHO", "back").as_bytes()).unwrap();
    expect(&mut stream, &message("ECHO", "back"));
    let by = running.recorder.first_flow();
    assert_eq!((by.local, by.remote), (flow.local, flow.remote));
    assert!(by.connection.is_some());
    assert_eq!(running.transports.stats().tcp_opened, 1);
}

#[test]
fn connections_leave_from_the_address_of_the_listener() {
    let running = Running::on(Transport::Tcp, "127.0.0.5:0", plain);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    running.send(flow_to(&running, listener.local_addr().unwrap()), "x", 1);
    let (_, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), running.addr().ip());
}

#[test]
fn ipv6_works() {
    let running = Running::on(Transport::Tcp, "[::1]:0", plain);
    let mut stream = connect(&running);
    stream.write_all(message("ECHO", "x").as_bytes()).unwrap();
    expect(&mut stream, &message("ECHO", "x"));
}

#[test]
fn a_refused_connection_fails_every_waiting_message() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flow = flow_to(&running, gone);
    let mut out = running.transports.outbox();
    for ticket in [1, 2, 0] {
        let bytes = "x".into();
        out.push(offhook_sip_transport::Outbound { flow, bytes, ticket: numbered(ticket) });
    }
    out.flush();
    let events = running.recorder.wait("two failures", |events| events.len() == 2);
    assert_eq!(events, [Event::SendFailed(1), Event::SendFailed(2)]);
    running.wait_for_stat("the failed attempt", 1, |stats| stats.tcp_open_failed);
}

#[test]
fn a_host_that_does_not_answer_fails_after_the_connect_timeout() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.connect_timeout = Duration::from_millis(50);
    });
    // A full backlog leaves further connections unanswered.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let full = socket.local_addr().unwrap().as_socket().unwrap();
    let _filling: Vec<_> =
        (0..2).map(|_| TcpStream::connect_timeout(&full, Duration::from_millis(200))).collect();
    running.send(flow_to(&running, full), "x", 9);
    let events = running.recorder.wait("the failure", |events| !events.is_empty());
    assert_eq!(events, [Event::SendFailed(9)]);
}

#[test]
fn a_stale_connection_id_is_a_failure_not_another_connection() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    let mut unknown = flow;
    unknown.connection = Some(ConnectionId(u64::MAX));
    running.send(unknown, "x", 1);
    let mut foreign = flow;
    foreign.remote.set_port(1);
    running.send(foreign, "x", 2);
    drop(stream);
    running.recorder.wait("the end", |events| events.contains(&Event::FlowClosed(flow)));
    running.send(flow, "x", 3);
    let events = running.recorder.wait("three failures", |events| events.len() == 5);
    for ticket in 1..=3 {
        assert!(events.contains(&Event::SendFailed(ticket)), "{ticket}");
    }
}

#[test]
fn a_peer_that_closes_its_half_still_gets_its_answer() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let flow = running.recorder.first_flow();
    running.send(flow, "late answer", 1);
    expect(&mut stream, "late answer");
    expect_end(&mut stream);
    running.recorder.wait("the end", |events| events.contains(&Event::FlowClosed(flow)));
}

#[test]
fn broken_framing_is_answered_after_the_answers_before_it_and_closes() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    let broken = "INVITE sip:a@127.0.0.1 SIP/2.0\r\n\
                  Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n\
                  From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\n\
                  Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: many\r\n\r\n";
    stream.write_all((message("ECHO", "x") + broken).as_bytes()).unwrap();
    expect(&mut stream, &message("ECHO", "x"));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
    running.wait_for_stat("the framing error", 1, |stats| stats.tcp_closed_framing);
    running.recorder.wait("the end", |events| events.len() == 2);
}

#[test]
fn a_message_over_the_limit_closes() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.message.max_message_bytes = 1000
    });
    let mut stream = connect(&running);
    stream.write_all(message("ECHO", &"x".repeat(2000)).as_bytes()).unwrap();
    expect_end(&mut stream);
    running.wait_for_stat("the framing error", 1, |stats| stats.tcp_closed_framing);
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from_any_more() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.write_queue_bytes = 512 * 1024;
        config.tcp.write_timeout = Duration::from_secs(600);
    });
    let mut stream = connect(&running);
    stream.set_write_timeout(Some(Duration::from_millis(1500))).unwrap();
    // Each of these is answered 64 times, so the answers fill every buffer long before the requests.
    let flood = message("FLOOD", &"x".repeat(8000));
    let mut sent = 0_u64;
    while stream.write_all(flood.as_bytes()).is_ok() {
        sent += 1;
        assert!(sent < 100_000, "the peer is read from without end");
    }
    let stats = running.transports.stats();
    assert_eq!(stats.tcp_connections, 1, "{stats:?}");
    assert!(stats.tcp_received < sent, "{stats:?}");
}

#[test]
fn a_peer_whose_queue_runs_over_is_closed_and_its_messages_fail() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.write_queue_bytes = 256 * 1024;
    });
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    let big = "x".repeat(64 * 1024);
    for ticket in 1..=1000 {
        running.send(flow, big.clone(), ticket);
        if running.transports.stats().tcp_closed_slow > 0 {
            break;
        }
    }
    let events =
        running.recorder.wait("the end", |events| events.contains(&Event::FlowClosed(flow)));
    let failed = events.iter().filter(|event| matches!(event, Event::SendFailed(_))).count();
    assert!(failed >= 4, "{failed} failures");
    assert_eq!(running.transports.stats().tcp_closed_slow, 1);
}

#[test]
fn a_stalled_peer_is_closed_after_the_write_timeout() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.write_queue_bytes = 64 * 1024 * 1024;
        config.tcp.write_timeout = Duration::from_millis(100);
    });
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    running.send(flow, "x".repeat(32 * 1024 * 1024), 4);
    let events =
        running.recorder.wait("the end", |events| events.contains(&Event::FlowClosed(flow)));
    assert!(events.contains(&Event::SendFailed(4)));
}

#[test]
fn idle_connections_and_unfinished_messages_are_closed() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.idle_timeout = Duration::from_millis(900);
        config.tcp.message_timeout = Duration::from_millis(400);
    });
    let mut silent = connect(&running);
    expect_end(&mut silent);
    let mut unfinished = connect(&running);
    unfinished.write_all(b"INVITE sip:a@").unwrap();
    expect_end(&mut unfinished);
    let mut idle = connect(&running);
    idle.write_all(message("ECHO", "x").as_bytes()).unwrap();
    expect(&mut idle, &message("ECHO", "x"));
    expect_end(&mut idle);
    running.wait_for_stat("three closed", 3, |stats| stats.tcp_closed_idle);
    assert_eq!(running.transports.stats().tcp_connections, 0);
}

#[test]
fn connections_beyond_the_limits_are_refused() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.max_connections_per_source = 2;
    });
    let open: Vec<_> = (0..2).map(|_| connect(&running)).collect();
    running.wait_for_stat("two connections", 2, |stats| stats.tcp_connections);
    expect_end(&mut connect(&running));
    assert_eq!(running.transports.stats().tcp_refused, 1);
    drop(open);
    running
        .wait_for_stat("the places to be free", 1, |stats| u64::from(stats.tcp_connections == 0));
    let mut stream = connect(&running);
    stream.write_all(message("ECHO", "x").as_bytes()).unwrap();
    expect(&mut stream, &message("ECHO", "x"));
}

#[test]
fn no_connection_is_opened_beyond_the_limit() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.max_connections = 1;
    });
    let _stream = connect(&running);
    running.wait_for_stat("a connection", 1, |stats| stats.tcp_connections);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    running.send(flow_to(&running, listener.local_addr().unwrap()), "x", 3);
    let events = running.recorder.wait("the failure", |events| !events.is_empty());
    assert_eq!(events, [Event::SendFailed(3)]);
}

#[test]
fn shutdown_writes_what_is_queued_and_closes() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", plain);
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    let big = "x".repeat(900 * 1024);
    running.send(flow, big.clone(), 1);
    let reader = std::thread::spawn(move || {
        let mut received = String::new();
        stream.read_to_string(&mut received).map(|_| received)
    });
    running.shutdown(DEADLINE);
    assert_eq!(reader.join().unwrap().unwrap().len(), big.len());
    assert_eq!(running.transports.stats().tcp_connections, 0);
    assert!(TcpStream::connect(running.addr()).is_err());
}

#[test]
fn shutdown_does_not_wait_for_a_peer_that_does_not_read() {
    let running = Running::on(Transport::Tcp, "127.0.0.1:0", |config| {
        config.tcp.write_queue_bytes = 64 * 1024 * 1024;
    });
    let mut stream = connect(&running);
    stream.write_all(message("NOTE", "x").as_bytes()).unwrap();
    let flow = running.recorder.first_flow();
    running.send(flow, "x".repeat(32 * 1024 * 1024), 8);
    running.shutdown(Duration::from_millis(100));
    let events = running.recorder.wait("the end", |events| events.len() == 3);
    assert!(events.contains(&Event::SendFailed(8)));
}
