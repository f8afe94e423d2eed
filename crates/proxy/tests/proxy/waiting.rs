//! Phones that ring for ever, never answer or are not there (RFC 3261 sections 16.8 and 16.9).

use std::time::Duration;

use offhook_sip_message::HeaderName;
use offhook_testkit::ReplySketch;

use crate::support::*;

#[test]
fn a_phone_that_is_not_there_is_called_seven_times_and_given_up() {
    let mut lab = Lab::called();
    let lines = lab.pass_timed(Duration::from_millis(32_100));
    let times: Vec<u128> =
        lines.iter().filter_map(|(at, line)| (line == "INVITE to bob").then_some(*at)).collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500], "timer A");
    assert_eq!(lines.last().unwrap(), &(32_000, "408 INVITE to alice".into()), "timer B");
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn timer_c_ends_a_call_that_rings_too_long() {
    let mut lab = Lab::ringing();
    assert!(lab.pass(TIMER_C - Duration::from_millis(10)).is_empty());
    assert_eq!(lab.pass(Duration::from_millis(20)), ["CANCEL to bob"]);
    assert!(lab.answer(BOB, "CANCEL", 200).is_empty());
    assert!(lab.answer(BOB, "INVITE", 180).is_empty(), "alice does not hear it ring any more");
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn every_provisional_response_but_100_starts_timer_c_anew() {
    let mut lab = Lab::ringing();
    for status in [180, 183] {
        assert!(lab.pass(TIMER_C - Duration::from_secs(1)).is_empty());
        lab.answer(BOB, "INVITE", status);
    }
    assert!(lab.pass(TIMER_C - Duration::from_secs(1)).is_empty());
    lab.answer(BOB, "INVITE", 100);
    assert_eq!(lab.pass(Duration::from_millis(1_010)), ["CANCEL to bob"]);
}

#[test]
fn timer_c_runs_for_each_branch_and_a_dead_phone_ends_as_408() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&invite(), udp(ALICE));
    lab.answer(BOB, "INVITE", 180);
    lab.answer(BOB2, "INVITE", 180);
    lab.pass_secs(100);
    lab.answer(BOB2, "INVITE", 180);
    assert_eq!(lab.pass_secs(86)[0], "CANCEL to bob");
    lab.answer(BOB, "CANCEL", 200);
    // Bob has vanished: 64*T1 after the CANCEL the branch counts as 408. Bob2 still rings.
    assert!(lab.pass_secs(40).is_empty());
    assert_eq!(lab.pass_secs(60)[0], "CANCEL to bob2");
    lab.answer(BOB2, "CANCEL", 200);
    let lines = lab.pass_secs(33);
    assert_eq!(lines[0], "408 INVITE to alice");
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn a_call_that_is_answered_has_no_timer_c() {
    let (mut lab, mut call) = Lab::talking();
    assert!(lab.pass(TIMER_C * 2).is_empty());
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    lab.answer(BOB, "BYE", 200);
    lab.ends_empty();
}

#[test]
fn what_cannot_be_sent_is_a_503() {
    let mut lab = Lab::called();
    assert_eq!(lab.fail_last_send(), ["503 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
    let mut lab = Lab::new();
    lab.send(&request("MESSAGE"), udp(ALICE));
    assert_eq!(lab.fail_last_send(), ["503 MESSAGE to alice"]);
    lab.ends_empty();
}

/// RFC 3263 section 4.3: the next address is tried.
#[test]
fn the_next_address_is_tried_where_there_is_one() {
    let mut lab = Lab::new();
    let mut phone = target(BOB);
    (phone.uri, phone.flow) = ("sip:bob@phones.example.net".into(), None);
    lab.give_bob(vec![phone]);
    let addresses = [BOB, BOB2, BOB3].map(|host| host.parse().unwrap());
    lab.hosts.insert("phones.example.net".into(), addresses.into());
    assert_eq!(lab.send(&invite(), udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    let first = lab.request_to(BOB, "INVITE");
    assert_eq!(lab.fail_last_send(), ["INVITE to bob2"]);
    let second = lab.request_to(BOB2, "INVITE");
    assert_ne!(first.top_via().branch(), second.top_via().branch());
    assert_eq!(first.uri().raw(), second.uri().raw());
    assert_eq!(second.record_routes().count(), 1);
    // News from the transaction that was given up is of no interest.
    assert!(lab.reply(&ReplySketch::new(&first, 200)).is_empty());
    assert_eq!(lab.answer(BOB2, "INVITE", 180), ["180 INVITE to alice"]);
    assert_eq!(lab.answer(BOB2, "INVITE", 486), ["ACK to bob2", "486 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn a_lost_connection_is_opened_anew_towards_the_contact() {
    let mut lab = Lab::new();
    let mut phone = target(BOB);
    phone.uri = "sip:bob@192.0.2.20;transport=tcp".into();
    phone.flow = Some(tcp("192.0.2.20:49152", 3));
    lab.give_bob(vec![phone]);
    let lines = lab.send(&invite(), udp(ALICE));
    assert_eq!(lines[1], "INVITE to 192.0.2.20:49152 by TCP connection 3");
    assert_eq!(lab.fail_last_send(), ["INVITE to bob by new TCP connection"]);
    // The new connection is not the one that bob registered by: his Contact will do.
    let routes = lab.request_to(BOB, "INVITE").values(HeaderName::RecordRoute).count();
    assert_eq!(routes, 2, "one facing UDP, one facing TCP");
    assert_eq!(lab.fail_last_send(), ["503 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn nothing_else_is_tried_for_a_call_that_was_given_up() {
    let mut lab = Lab::new();
    let mut phone = target(BOB);
    (phone.uri, phone.flow) = ("sip:bob@phones.example.net".into(), None);
    lab.give_bob(vec![phone]);
    let addresses = [BOB, BOB2].map(|host| host.parse().unwrap());
    lab.hosts.insert("phones.example.net".into(), addresses.into());
    lab.send(&invite(), udp(ALICE));
    let ticket = lab.sent.last().unwrap().ticket;
    assert_eq!(lab.send(&same_transaction("CANCEL"), udp(ALICE)), ["200 CANCEL to alice"]);
    let lines = lab.hand(offhook_proxy::Input::SendFailed { ticket });
    assert_eq!(lines, ["487 INVITE to alice"]);
}

#[test]
fn a_fork_goes_on_without_the_phone_that_cannot_be_reached() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&invite(), udp(ALICE));
    assert!(lab.fail_last_send().is_empty());
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob", "486 INVITE to alice"]);
    // The ACK does not arrive either, which is no news to anybody.
    let ack = lab.sent.iter().rev().nth(1).unwrap().ticket;
    assert!(lab.hand(offhook_proxy::Input::SendFailed { ticket: ack }).is_empty());
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

/// The ACK of a failed branch cannot be delivered while another branch still rings.
#[test]
fn an_ack_that_cannot_be_sent_is_no_answer_of_its_branch() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&invite(), udp(ALICE));
    lab.answer(BOB2, "INVITE", 180);
    assert_eq!(lab.answer(BOB, "INVITE", 580), ["ACK to bob"]);
    assert!(lab.fail_last_send().is_empty());
    assert_eq!(lab.answer(BOB2, "INVITE", 580), ["ACK to bob2", "580 INVITE to alice"]);
}

/// RFC 4320 section 4.2: a 408 for anything but an INVITE comes too late by its nature.
#[test]
fn a_silent_phone_leaves_other_requests_without_an_answer() {
    let mut lab = Lab::new();
    lab.send(&request("MESSAGE"), udp(ALICE));
    let lines = lab.pass_secs(100);
    let (to_alice, to_bob): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.ends_with("alice"));
    assert_eq!(to_alice, ["100 MESSAGE to alice"]);
    assert!(to_bob.len() == 10 && to_bob.iter().all(|line| line == "MESSAGE to bob"), "timer E");
    lab.ends_empty();
    // The same for a 408 that comes from below.
    let mut lab = Lab::new();
    lab.send(&request("MESSAGE"), udp(ALICE));
    assert!(lab.answer(BOB, "MESSAGE", 408).is_empty());
    lab.ends_empty();
}
