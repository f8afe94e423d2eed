//! One user, several phones (RFC 3261 sections 16.6, 16.7 and 16.10; RFC 6026).

use std::time::Duration;

use offhook_proxy::CallState;
use offhook_testkit::{Dialog, ReplySketch};

use crate::support::*;

/// Alice's INVITE is on its way to bob's two phones, which ring.
fn two_ringing() -> Lab {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    let lines = lab.send(&invite(), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "INVITE to bob", "INVITE to bob2"]);
    assert_eq!(ring(&mut lab, BOB, "b1"), ["180 INVITE to alice"]);
    assert_eq!(ring(&mut lab, BOB2, "b2"), ["180 INVITE to alice"]);
    lab
}

fn ring(lab: &mut Lab, host: &str, tag: &str) -> Vec<String> {
    let request = lab.request_to(host, "INVITE");
    lab.reply(&ReplySketch::new(&request, 180).tag(tag))
}

fn pick_up(lab: &mut Lab, host: &str, tag: &str) -> Vec<String> {
    let request = lab.request_to(host, "INVITE");
    lab.reply(&ReplySketch::new(&request, 200).tag(tag).contact(&format!("sip:bob@{host}")))
}

#[test]
fn the_first_to_answer_silences_the_others() {
    let mut lab = two_ringing();
    assert_eq!(pick_up(&mut lab, BOB2, "b2"), ["CANCEL to bob", "200 INVITE to alice"]);
    assert_eq!(lab.answer(BOB, "CANCEL", 200), Vec::<String>::new());
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob"]);
    assert_eq!(lab.response_to(ALICE).status().as_u16(), 200);
}

#[test]
fn a_cancel_goes_to_the_branch_it_is_for() {
    let mut lab = two_ringing();
    pick_up(&mut lab, BOB2, "b2");
    let (invite, cancel) = (lab.request_to(BOB, "INVITE"), lab.request_to(BOB, "CANCEL"));
    assert_eq!(cancel.uri().raw(), invite.uri().raw());
    assert_eq!(cancel.top_via().branch(), invite.top_via().branch());
    assert_eq!(cancel.vias().count(), 1);
    assert_eq!((cancel.call_id(), cancel.cseq().number), (invite.call_id(), 1));
    assert_eq!(cancel.to().tag(), None);
}

/// Section 9.1: before a provisional response a CANCEL could overtake the INVITE.
#[test]
fn a_branch_that_was_silent_is_cancelled_when_it_speaks() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&invite(), udp(ALICE));
    assert_eq!(pick_up(&mut lab, BOB, "b1"), ["200 INVITE to alice"]);
    assert_eq!(ring(&mut lab, BOB2, "b2"), ["CANCEL to bob2"], "and the 180 goes no further");
    assert_eq!(lab.answer(BOB2, "INVITE", 487), ["ACK to bob2"]);
}

#[test]
fn the_best_of_several_failures_goes_back_when_all_have_ended() {
    let table = [
        ([486, 404], 486),
        ([404, 486], 404),
        ([500, 486], 486),
        ([302, 486], 302),
        ([486, 302], 302),
        ([486, 407], 407),
        ([408, 480], 480),
        ([503, 500], 500),
        ([503, 503], 500),
        ([500, 603], 603),
    ];
    for ([first, second], best) in table {
        let mut lab = two_ringing();
        let lines = lab.answer(BOB, "INVITE", first);
        assert_eq!(lines, ["ACK to bob"], "{first} {second}");
        let mut lines = lab.answer(BOB2, "INVITE", second);
        lines.retain(|line| !line.starts_with("ACK"));
        assert_eq!(lines, [format!("{best} INVITE to alice")], "{first} {second}");
        lab.send(&same_transaction("ACK"), udp(ALICE));
        lab.ends_empty();
    }
}

/// Section 16.7 step 5: no further search, but whoever answers meanwhile wins.
#[test]
fn a_6xx_ends_the_search_and_is_forwarded_when_the_others_have_ended() {
    let mut lab = two_ringing();
    assert_eq!(lab.answer(BOB, "INVITE", 603), ["ACK to bob", "CANCEL to bob2"]);
    assert!(ring(&mut lab, BOB2, "b2").is_empty(), "nobody hears of a phone that is silenced");
    assert_eq!(lab.answer(BOB2, "INVITE", 487), ["ACK to bob2", "603 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();

    let mut lab = two_ringing();
    lab.answer(BOB, "INVITE", 603);
    assert_eq!(pick_up(&mut lab, BOB2, "b2"), ["200 INVITE to alice"], "the answer was faster");
}

/// A phone that was cancelled and then vanished holds the response back for 64*T1 (section 9.1).
#[test]
fn a_silenced_phone_that_never_answers_is_given_up() {
    let mut lab = two_ringing();
    lab.answer(BOB, "INVITE", 600);
    lab.answer(BOB2, "CANCEL", 200);
    let lines = lab.pass_timed(Duration::from_millis(32_010));
    assert_eq!(lines, [(32_000, "600 INVITE to alice".into())]);
}

#[test]
fn two_phones_picked_up_at_once_both_reach_the_caller() {
    let mut lab = two_ringing();
    assert_eq!(pick_up(&mut lab, BOB, "b1"), ["CANCEL to bob2", "200 INVITE to alice"]);
    let first = Dialog::of_caller(&lab.response_to(ALICE));
    assert_eq!(pick_up(&mut lab, BOB2, "b2"), ["200 INVITE to alice"]);
    let mut second = Dialog::of_caller(&lab.response_to(ALICE));
    assert_ne!(first.remote, second.remote);
    // Repeats of either go back too.
    assert_eq!(pick_up(&mut lab, BOB, "b1"), ["200 INVITE to alice"]);
    assert_eq!(lab.proxy.calls().count(), 1);

    // Alice acknowledges both, and hangs up on the second.
    let mut first = first;
    assert_eq!(lab.send_in(&mut first, "ACK", udp(ALICE)), ["ACK to bob"]);
    assert_eq!(lab.send_in(&mut second, "ACK", udp(ALICE)), ["ACK to bob2"]);
    assert_eq!(lab.send_in(&mut second, "BYE", udp(ALICE)), ["BYE to bob2"]);
    assert_eq!(lab.answer(BOB2, "BYE", 200), ["200 BYE to alice"]);
    let call = lab.proxy.calls().next().expect("the first dialog goes on").clone();
    assert_eq!(call.state, CallState::Answered);
    // A copy of the second answer was held up until its dialog was over.
    assert!(pick_up(&mut lab, BOB2, "b2").is_empty());
    assert_eq!(pick_up(&mut lab, BOB, "b1"), ["200 INVITE to alice"]);

    assert_eq!(lab.send_in(&mut first, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["200 BYE to alice"]);
    assert!(pick_up(&mut lab, BOB, "b1").is_empty());
    lab.ends_empty();
}

/// A proxy below may fork as well: its 2xx come by the same branch (RFC 6026 section 7.3).
#[test]
fn two_answers_by_one_branch_both_reach_the_caller() {
    let mut lab = Lab::ringing();
    assert_eq!(pick_up(&mut lab, BOB, "x1"), ["200 INVITE to alice"]);
    assert_eq!(pick_up(&mut lab, BOB, "x2"), ["200 INVITE to alice"]);
    assert_eq!(lab.response_to(ALICE).to().tag(), Some(&b"x2"[..]));
}

#[test]
fn a_2xx_after_the_failure_of_another_branch_wins() {
    let mut lab = two_ringing();
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob"]);
    assert_eq!(pick_up(&mut lab, BOB2, "b2"), ["200 INVITE to alice"]);
    // The failed branch repeats itself: acknowledged here, of no interest to alice.
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob"]);
}

#[test]
fn no_more_branches_than_allowed() {
    let mut lab = Lab::new();
    let hosts: Vec<String> = (100..110).map(|host| format!("192.0.2.{host}:5060")).collect();
    lab.give_bob(hosts.iter().map(|host| target(host)).collect());
    let lines = lab.send(&invite(), udp(ALICE));
    assert_eq!(lines.len(), 1 + 4, "{lines:?}");
    assert_eq!(lines[1], "INVITE to 192.0.2.100:5060", "the best ones");
}

#[test]
fn other_requests_fork_too_and_the_first_success_counts() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    let lines = lab.send(&request("MESSAGE"), udp(ALICE));
    assert_eq!(lines, ["MESSAGE to bob", "MESSAGE to bob2"]);
    assert!(lab.answer(BOB, "MESSAGE", 480).is_empty());
    assert_eq!(lab.answer(BOB2, "MESSAGE", 200), ["200 MESSAGE to alice"]);
    lab.ends_empty();

    // There is no CANCEL for it, and nothing to wait for after a 6xx.
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&request("MESSAGE"), udp(ALICE));
    assert_eq!(lab.answer(BOB, "MESSAGE", 603), ["603 MESSAGE to alice"]);
    assert!(lab.answer(BOB2, "MESSAGE", 200).is_empty());
    lab.ends_empty();
}
