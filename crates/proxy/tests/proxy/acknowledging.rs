//! The ACK for a 2xx, which belongs to no transaction (RFC 3261 sections 13.2.2.4 and 16.11).

use offhook_proxy::AuthPolicy;
use offhook_sip_message::HeaderName;
use offhook_testkit::Dialog;

use crate::support::*;

#[test]
fn it_follows_the_route_to_the_contact() {
    let (lab, _) = Lab::talking();
    let ack = lab.request_to(BOB, "ACK");
    assert_eq!(ack.uri().raw(), b"sip:bob@192.0.2.20:5060");
    assert!(!ack.has(HeaderName::Route), "our own value is taken out");
    assert!(!ack.has(HeaderName::RecordRoute));
    assert_eq!(ack.header(HeaderName::MaxForwards), Some(&b"69"[..]));
    assert_eq!(ack.vias().count(), 2);
    assert_eq!(lab.proxy.statistics().contexts, 0);
}

/// Section 16.11: the copies of one ACK have the same branch, and others another one.
#[test]
fn each_copy_passes_with_the_same_branch() {
    let (mut lab, mut call) = Lab::talking();
    let first = lab.request_to(BOB, "ACK");
    // Alice's own branch is that of her first ACK.
    let branch = String::from_utf8_lossy(first.vias().nth(1).unwrap().unwrap().branch().unwrap())
        .into_owned();
    let copy = call.alice.request("ACK", "UDP", ALICE, &branch);
    assert_eq!(lab.send(&copy, udp(ALICE)), ["ACK to bob"]);
    assert_eq!(lab.request_to(BOB, "ACK").bytes(), first.bytes());
    assert_eq!(lab.send_in(&mut call.alice, "ACK", udp(ALICE)), ["ACK to bob"]);
    assert_ne!(lab.request_to(BOB, "ACK").top_via().branch(), first.top_via().branch());
    assert_eq!(lab.proxy.statistics().contexts, 0);
}

#[test]
fn it_passes_after_a_restart_and_while_the_platform_is_full() {
    let (mut lab, mut call) = Lab::talking();
    lab.restart();
    assert_eq!(lab.send_in(&mut call.alice, "ACK", udp(ALICE)), ["ACK to bob"]);
    lab.ends_empty();
}

#[test]
fn by_a_name_it_waits_for_the_address() {
    let mut lab = Lab::new();
    lab.hosts.insert("phone.example.net".into(), vec![BOB.parse().unwrap()]);
    lab.send(&invite(), udp(ALICE));
    let invite = lab.request_to(BOB, "INVITE");
    let answer =
        offhook_testkit::ReplySketch::new(&invite, 200).contact("sip:bob@phone.example.net");
    lab.reply(&answer);
    let mut alice = Dialog::of_caller(&lab.response_to(ALICE));
    lab.holds_questions = true;
    let lines = lab.send_in(&mut alice, "ACK", udp(ALICE));
    assert_eq!(lines, ["addresses of phone.example.net?"]);
    let question = lab.question();
    assert_eq!(lab.answer_question(question), ["ACK to bob"]);
    assert_eq!(lab.proxy.statistics().contexts, 0);
    // No address, and no answer at all: it is lost without a trace.
    lab.hosts.clear();
    lab.send_in(&mut alice, "ACK", udp(ALICE));
    let question = lab.question();
    assert!(lab.answer_question(question).is_empty());
    lab.send_in(&mut alice, "ACK", udp(ALICE));
    assert!(lab.pass_secs(6).is_empty());
    assert_eq!(lab.proxy.statistics().contexts, 0);
}

#[test]
fn without_our_token_it_goes_nowhere() {
    let (mut lab, mut call) = Lab::talking();
    let routes = std::mem::take(&mut call.alice.routes);
    assert!(lab.send_in(&mut call.alice, "ACK", udp(ALICE)).is_empty(), "no Route at all");
    call.alice.routes = routes;
    call.alice.call_id = "another".into();
    assert!(lab.send_in(&mut call.alice, "ACK", udp(ALICE)).is_empty(), "another call's token");
}

#[test]
fn of_a_failure_it_ends_here() {
    let mut lab = Lab::ringing();
    lab.answer(BOB, "INVITE", 486);
    for _ in 0..3 {
        assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
    }
    lab.ends_empty();
}

/// Load generators often keep no route set: their ACK names the user, as the INVITE did.
#[test]
fn without_a_route_it_reaches_the_user_in_a_laboratory_only() {
    let mut lab = Lab::new();
    assert_eq!(lab.send(&same_transaction("ACK"), udp(ALICE)), ["ACK to bob"]);
    lab.config = {
        let mut config = (*lab.config).clone();
        config.auth = AuthPolicy::Digest;
        config.into()
    };
    lab.restart();
    assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
    assert_eq!(lab.proxy.statistics(), Default::default());
}
