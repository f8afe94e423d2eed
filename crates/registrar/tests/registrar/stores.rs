//! Durability: what is told to the phone, and when (nothing acknowledged is ever lost).

use std::time::Duration;

use offhook_registrar::{CredentialsFound, Input, StoreOutcome};
use offhook_sip_message::HeaderName;
use offhook_testkit::messages::{RequestSketch, response};

use crate::desk::{Desk, PHONE, Wanted, contacts, flow, header, register};

fn phone(number: u32) -> RequestSketch {
    register(1)
        .via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKp{number};rport"))
        .call_id(&format!("phone-{number}"))
        .header("Contact", &format!("<sip:alice@192.0.2.{number}>"))
}

fn statuses(wanted: &Wanted) -> Vec<u16> {
    wanted.sent.iter().map(|(_, bytes)| response(bytes.clone()).status().as_u16()).collect()
}

#[test]
fn the_200_waits_for_the_store() {
    let mut desk = Desk::open();
    let wanted = desk.send(&phone(1));
    assert!(wanted.sent.is_empty());
    assert!(desk.registrar.is_empty());
    let answer = desk.stored(wanted.stores[0].0, StoreOutcome::Durable).answer();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(desk.registrar.len(), 1);
    let twice = desk.stored(wanted.stores[0].0, StoreOutcome::Durable);
    assert!(twice.is_nothing());
}

#[test]
fn a_store_that_fails_changes_nothing() {
    let mut desk = Desk::open();
    desk.register(&phone(1));
    let wanted = desk.send(&phone(2));
    let answer = desk.stored(wanted.stores[0].0, StoreOutcome::Unavailable).answer();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(header(&answer, HeaderName::RetryAfter).as_deref(), Some("5"));
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.1"]);
    assert_eq!(desk.register(&phone(3)).status().as_u16(), 200, "the address is open again");
}

#[test]
fn phones_of_one_user_take_turns_and_all_are_bound() {
    let mut desk = Desk::open();
    let first = desk.send(&phone(1));
    for number in 2..=4 {
        assert!(desk.send(&phone(number)).is_nothing(), "waits");
    }
    let other_user = desk.send(&phone(9).to("<sip:bob@example.com>"));
    assert_eq!(other_user.stores.len(), 1, "another user does not wait");
    let mut token = first.stores[0].0;
    for number in 1..=4 {
        let wanted = desk.stored(token, StoreOutcome::Durable);
        let answer = wanted.answer();
        assert_eq!(contacts(&answer).len(), number);
        if number < 4 {
            token = wanted.stores[0].0;
        } else {
            assert!(wanted.stores.is_empty());
        }
    }
    assert_eq!(desk.contacts("alice").len(), 4);
}

#[test]
fn those_that_change_nothing_do_not_hold_up_the_queue() {
    let mut desk = Desk::open();
    let first = desk.send(&phone(1));
    let query = register(1).via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKq;rport"));
    assert!(desk.send(&query.call_id("query")).is_nothing());
    assert!(desk.send(&phone(2).header("Expires", "5")).is_nothing());
    assert!(desk.send(&phone(3)).is_nothing());
    let wanted = desk.stored(first.stores[0].0, StoreOutcome::Durable);
    assert_eq!(statuses(&wanted), [200, 200, 423]);
    assert_eq!(wanted.stores.len(), 1);
}

#[test]
fn the_queue_of_an_address_is_bounded() {
    let mut desk = Desk::with(|config| config.max_waiting_per_aor = 2);
    desk.send(&phone(1));
    assert!(desk.send(&phone(2)).is_nothing());
    assert!(desk.send(&phone(3)).is_nothing());
    assert_eq!(desk.send(&phone(4)).status(), 503);
}

#[test]
fn operations_are_bounded() {
    let mut desk = Desk::with(|config| config.max_operations = 1);
    desk.send(&phone(1));
    assert_eq!(desk.send(&phone(2).to("<sip:bob@example.com>")).status(), 503);
}

#[test]
fn a_late_store_keeps_its_address_closed_and_counts_when_it_comes() {
    let mut desk = Desk::open();
    let wanted = desk.send(&phone(1));
    let token = wanted.stores[0].0;
    assert!(desk.send(&phone(2)).is_nothing());
    let overdue = desk.pass(Duration::from_secs(6));
    let finals: Vec<_> = statuses(&overdue).into_iter().filter(|&status| status >= 200).collect();
    assert_eq!(finals, [503, 503], "the one that stores and the one that waits");
    assert_eq!(desk.send(&phone(3)).status(), 503, "the outcome is unknown: no further store");
    let late = desk.stored(token, StoreOutcome::Durable);
    assert!(late.is_nothing(), "the phone has had its answer");
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.1"], "durable is durable");
    assert_eq!(desk.register(&phone(4)).status().as_u16(), 200);
}

#[test]
fn a_store_that_is_never_answered_is_given_up() {
    let mut desk = Desk::open();
    let token = desk.send(&phone(1)).stores[0].0;
    let wanted = desk.pass(Duration::from_secs(70));
    assert_eq!(statuses(&wanted).iter().filter(|&&status| status == 503).count(), 1);
    assert_eq!(desk.register(&phone(2)).status().as_u16(), 200);
    assert!(desk.stored(token, StoreOutcome::Durable).is_nothing());
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.2"]);
}

#[test]
fn answers_of_the_wrong_kind_are_ignored() {
    let mut desk = Desk::open();
    let request = phone(1).request();
    let asked = desk.hand(Input::Request { request, flow: flow(PHONE) });
    let token = asked.credentials[0].0;
    assert!(desk.stored(token, StoreOutcome::Durable).is_nothing());
    let known = CredentialsFound::Known(Vec::new());
    let wanted = desk.hand(Input::Credentials { token, found: known.clone() });
    let token = wanted.stores[0].0;
    assert!(desk.hand(Input::Credentials { token, found: known }).is_nothing());
    assert_eq!(desk.stored(token, StoreOutcome::Durable).status(), 200);
}

#[test]
fn a_binding_that_ends_while_another_is_stored_is_gone() {
    let mut desk = Desk::open();
    desk.register(&phone(1).header("Expires", "60"));
    desk.pass(Duration::from_secs(58));
    let wanted = desk.send(&phone(2));
    desk.pass(Duration::from_secs(3));
    let answer = desk.stored(wanted.stores[0].0, StoreOutcome::Durable).answer();
    assert_eq!(contacts(&answer).len(), 1);
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.2"]);
}
