//! REGISTERs over a network that loses and repeats.

use std::time::Duration;

use offhook_registrar::{Input, StoreOutcome};
use offhook_sip_message::{ConnectionId, Flow, Transport};

use crate::desk::{Desk, PHONE, flow, register};

const A: &str = "<sip:alice@192.0.2.10>";

#[test]
fn a_repeated_request_is_stored_once_and_answered_again() {
    let mut desk = Desk::open();
    let sketch = register(1).header("Contact", A);
    let first = desk.send(&sketch);
    assert!(desk.send(&sketch).is_nothing(), "in work");
    let answer = desk.stored(first.stores[0].0, StoreOutcome::Durable).answer();
    for _ in 0..3 {
        desk.pass(Duration::from_secs(4));
        let again = desk.send(&sketch);
        assert!(again.stores.is_empty());
        assert_eq!(again.answer().bytes(), answer.bytes());
    }
    assert_eq!(desk.registrar.counters().registered, 1);
    desk.pass(Duration::from_secs(64));
    assert_eq!(desk.send(&sketch).status(), 500, "a very late one is out of order");
}

#[test]
fn the_answer_goes_back_the_way_the_request_came() {
    let mut desk = Desk::open();
    let nat = flow("203.0.113.9:40000");
    let wanted = desk.send_by(&register(1).header("Contact", A), nat);
    let wanted = desk.stored(wanted.stores[0].0, StoreOutcome::Durable);
    assert_eq!(wanted.sent[0].0, nat);
    let via = wanted.answer().top_via().rport();
    assert_eq!(via, Some(Some(40000)));
    let tcp = Flow { transport: Transport::Tcp, connection: Some(ConnectionId(3)), ..flow(PHONE) };
    let via = format!("SIP/2.0/TCP {PHONE};branch=z9hG4bKt");
    let wanted = desk.send_by(&register(2).via(&via).header("Contact", A), tcp);
    let wanted = desk.stored(wanted.stores[0].0, StoreOutcome::Durable);
    assert_eq!(wanted.sent[0].0, tcp);
}

#[test]
fn an_answer_that_cannot_be_sent_leaves_the_binding() {
    let mut desk = Desk::open();
    let wanted = desk.send(&register(1).header("Contact", A));
    desk.stored(wanted.stores[0].0, StoreOutcome::Durable);
    for ticket in 0..10 {
        desk.hand(Input::SendFailed { ticket });
    }
    assert_eq!(desk.contacts("alice").len(), 1);
}
