//! The transaction layer: matching, ACK, CANCEL, capacity and failing transports, message by message.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected is to fail"
)]

mod cancelling;
mod capacity;
mod clients;
mod matching;
mod servers;

use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_core::{Capacity, ClientId, Effect, Received, ServerId, TimerConfig, Transactions};
use offhook_sip_message::{ConnectionId, Flow, Message, Method, Request, StatusCode, Transport};
use offhook_testkit::messages::{self, RequestSketch};

const SEED: u64 = 7;

fn layer() -> Transactions {
    Transactions::new(TimerConfig::default(), Capacity::default(), SEED)
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.10:40000".parse().unwrap(),
        connection: transport.is_reliable().then_some(ConnectionId(5)),
    }
}

fn udp() -> Flow {
    flow(Transport::Udp)
}

fn tcp() -> Flow {
    flow(Transport::Tcp)
}

/// The effects that wait, in a short notation.
fn effects(layer: &mut Transactions) -> Vec<String> {
    std::iter::from_fn(|| layer.poll()).map(|effect| show(&effect)).collect()
}

fn show(effect: &Effect) -> String {
    match effect {
        Effect::Transmit { bytes, flow, .. } => {
            format!("{} to {}", first_words(bytes), flow.remote)
        }
        Effect::ClientTimedOut(_) => "client timed out".into(),
        Effect::ClientFailed(_) => "client failed".into(),
        Effect::ServerTimedOut(_) => "server timed out".into(),
        Effect::ServerFailed(_) => "server failed".into(),
        Effect::ServerEnded(_) => "server ended".into(),
        Effect::ClientEnded(_) => "client ended".into(),
    }
}

/// The method of a request, or the status of a response.
fn first_words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split(' ');
    match (words.next(), words.next()) {
        (Some("SIP/2.0"), Some(status)) => status.into(),
        (Some(method), _) => method.into(),
        (None, _) => String::new(),
    }
}

/// The bytes and ticket of the one message that waits to be sent.
fn sent(layer: &mut Transactions) -> (Bytes, u64) {
    match (layer.poll(), layer.poll()) {
        (Some(Effect::Transmit { bytes, ticket, .. }), None) => (bytes, ticket),
        other => panic!("not one message: {other:?}"),
    }
}

fn receive(layer: &mut Transactions, request: &Request, flow: Flow, now: Instant) -> Received {
    layer.receive_request(request, flow, now)
}

fn open(layer: &mut Transactions, request: &Request, flow: Flow, now: Instant) -> ServerId {
    match receive(layer, request, flow, now) {
        Received::New(id) => id,
        other => panic!("not new: {other:?}"),
    }
}

fn respond(layer: &mut Transactions, id: ServerId, request: &Request, status: u16, now: Instant) {
    let response = messages::response_to(request, status, "b1");
    layer.respond(id, StatusCode::new(status).unwrap(), response, now);
}

/// Runs the layer to `end`, noting when what happened.
fn run(layer: &mut Transactions, end: Instant) -> Vec<(u64, String)> {
    let mut events = Vec::new();
    while let Some(deadline) = layer.next_deadline().filter(|deadline| *deadline <= end) {
        layer.handle_timeout(deadline);
        let millis = u64::try_from((deadline - Instant::ZERO).as_millis()).unwrap();
        events.extend(effects(layer).into_iter().map(|effect| (millis, effect)));
    }
    events
}

/// Sends a request of our own whose Via carries the branch, and returns it parsed.
fn send(layer: &mut Transactions, method: &str, flow: Flow, now: Instant) -> (ClientId, Request) {
    let branch = layer.new_branch();
    let sketch = RequestSketch::new(method, "sip:bob@192.0.2.20:5070;x=1")
        .via(&format!("SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport"))
        .header("Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>")
        .header("Require", "100rel");
    let method = Method::from_token(method.as_bytes());
    let id = layer.request(branch, method, sketch.bytes(), flow, now).unwrap();
    assert_eq!(effects(layer), [format!("{method} to {}", flow.remote)]);
    (id, sketch.request())
}

fn answer(
    layer: &mut Transactions,
    request: &Request,
    status: u16,
    now: Instant,
) -> Option<ClientId> {
    let response = messages::response(messages::response_to(request, status, "b1"));
    layer.receive_response(&response, now)
}

fn text(message: &Bytes) -> String {
    String::from_utf8(message.to_vec()).unwrap()
}

fn parsed(bytes: Bytes) -> Message {
    Message::parse(bytes, &offhook_sip_message::Limits::default()).unwrap()
}
