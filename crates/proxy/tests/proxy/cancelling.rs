//! Calls that their caller gives up (RFC 3261 sections 9 and 16.10).

use std::time::Duration;

use offhook_testkit::{Dialog, ReplySketch};

use crate::support::*;

fn cancel(lab: &mut Lab) -> Vec<String> {
    lab.send(&same_transaction("CANCEL"), udp(ALICE))
}

#[test]
fn while_it_rings() {
    let mut lab = Lab::ringing();
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice", "CANCEL to bob"]);
    assert!(lab.response_to(ALICE).to().tag().is_some());
    assert!(lab.answer(BOB, "CANCEL", 200).is_empty());
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
    lab.ends_empty();
}

#[test]
fn before_bob_has_said_anything() {
    let mut lab = Lab::called();
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice"], "section 9.1: not yet");
    assert_eq!(lab.answer(BOB, "INVITE", 100), ["CANCEL to bob"]);
    assert!(lab.answer(BOB, "INVITE", 180).is_empty(), "alice does not hear it ring");
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

/// Nobody is there to answer: it ends as asked for, not with a 408.
#[test]
fn when_bob_never_says_anything() {
    let mut lab = Lab::called();
    lab.pass_secs(1);
    cancel(&mut lab);
    let lines = lab.pass_timed(Duration::from_secs(40));
    assert_eq!(lines.iter().filter(|(_, line)| line == "INVITE to bob").count(), 5);
    // Timer B, counted from the INVITE; then alice's ACK is missing.
    let (at, line) = lines.iter().find(|(_, line)| !line.starts_with("INVITE")).unwrap();
    assert_eq!((line.as_str(), *at), ("487 INVITE to alice", 31_000));
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn when_bob_ignores_it() {
    let mut lab = Lab::ringing();
    cancel(&mut lab);
    lab.answer(BOB, "CANCEL", 200);
    let lines = lab.pass_timed(Duration::from_secs(33));
    let (at, line) = lines.first().unwrap();
    assert_eq!((line.as_str(), *at), ("487 INVITE to alice", 32_000), "64*T1 after the CANCEL");
    // His answer comes after all. Alice has her 487, so it ends here, and he never gets an ACK.
    assert!(lab.answer(BOB, "INVITE", 200).is_empty());
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

/// The answer and the CANCEL cross: alice gets the 200 and has to hang up.
#[test]
fn when_bob_answers_at_the_same_moment() {
    let mut lab = Lab::ringing();
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice", "CANCEL to bob"]);
    let invite = lab.request_to(BOB, "INVITE");
    let answer = ReplySketch::new(&invite, 200).contact("sip:bob@192.0.2.20");
    assert_eq!(lab.reply(&answer), ["200 INVITE to alice"]);
    assert!(lab.answer(BOB, "CANCEL", 200).is_empty());
    let mut alice = Dialog::of_caller(&lab.response_to(ALICE));
    assert_eq!(lab.send_in(&mut alice, "ACK", udp(ALICE)), ["ACK to bob"]);
    assert_eq!(lab.send_in(&mut alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["200 BYE to alice"]);
    lab.ends_empty();
}

#[test]
fn after_the_answer_it_has_no_effect() {
    let mut lab = Lab::ringing();
    lab.answer(BOB, "INVITE", 200);
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice"]);
    let mut lab = Lab::ringing();
    lab.answer(BOB, "INVITE", 486);
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice"]);
    lab.ends_empty();
}

#[test]
fn a_repeated_cancel_gets_the_same_answer_and_does_nothing_more() {
    let mut lab = Lab::ringing();
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice", "CANCEL to bob"]);
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice"]);
    // A second CANCEL with a number of its own, as no client should send it.
    let second = same_transaction("CANCEL").cseq(2);
    assert_eq!(lab.send(&second, udp(ALICE)), ["481 CANCEL to alice"]);
}

#[test]
fn of_nothing_it_is_refused() {
    let mut lab = Lab::new();
    assert_eq!(cancel(&mut lab), ["481 CANCEL to alice"]);
    assert!(lab.response_to(ALICE).to().tag().is_some());
    lab.ends_empty();
    // Of another request than an INVITE.
    let mut lab = Lab::new();
    lab.send(&request("MESSAGE"), udp(ALICE));
    assert_eq!(cancel(&mut lab), ["481 CANCEL to alice"]);
}

#[test]
fn a_lost_cancel_is_repeated_until_bob_has_it() {
    let mut lab = Lab::ringing();
    cancel(&mut lab);
    let times: Vec<u128> = lab
        .pass_timed(Duration::from_secs(10))
        .into_iter()
        .map(|(at, line)| {
            assert_eq!(line, "CANCEL to bob");
            at
        })
        .collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500], "timer E");
    lab.answer(BOB, "CANCEL", 200);
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
}

#[test]
fn of_a_fork_it_reaches_each_phone_and_is_answered_once() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2, BOB3].map(target).into());
    lab.send(&invite(), udp(ALICE));
    lab.answer(BOB, "INVITE", 180);
    lab.answer(BOB2, "INVITE", 486);
    assert_eq!(cancel(&mut lab), ["200 CANCEL to alice", "CANCEL to bob"]);
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob"]);
    assert_eq!(lab.answer(BOB3, "INVITE", 180), ["CANCEL to bob3"]);
    // The best response: what a phone said before the CANCEL, or 487, are as good as each other.
    let lines = lab.answer(BOB3, "INVITE", 487);
    assert_eq!(lines, ["ACK to bob3", "486 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn a_reinvite_can_be_cancelled_and_the_call_goes_on() {
    let (mut lab, mut call) = Lab::talking();
    let sketch = lab.next_in(&mut call.alice, "INVITE", udp(ALICE));
    lab.send(&sketch, udp(ALICE));
    lab.answer(BOB, "INVITE", 100);
    let branch = text(sketch.request().top_via().branch().unwrap());
    let via = format!("SIP/2.0/UDP 192.0.2.10:5060;branch={branch};rport");
    let cancel = same_transaction("CANCEL").via(&via).cseq(call.alice.cseq);
    assert_eq!(lab.send(&cancel, udp(ALICE)), ["200 CANCEL to alice", "CANCEL to bob"]);
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    assert_eq!(lab.proxy.calls().count(), 1);
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
