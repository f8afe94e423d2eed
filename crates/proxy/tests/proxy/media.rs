//! The relay in the path of a call: who offers, who answers, and when it ends (RFC 3264, RFC 3261
//! section 13).

use offhook_proxy::{Input, MediaOutcome, MediaPolicy};
use offhook_testkit::messages::{self, RequestSketch};
use offhook_testkit::{Dialog, ReplySketch};

use crate::support::*;

fn relayed() -> Lab {
    Lab::with(|config| config.media = MediaPolicy::Always)
}

/// A relayed call that both sides have described.
fn talking() -> (Lab, Call) {
    let mut lab = relayed();
    let call = lab.connect(&invite().sdp("alice"), udp(ALICE), BOB);
    (lab, call)
}

/// Bob's response to the INVITE, with a description.
fn describe(lab: &mut Lab, host: &str, status: u16, tag: &str, sdp: &str) -> Vec<String> {
    let request = lab.request_to(host, "INVITE");
    let contact = format!("sip:bob@{host}");
    lab.reply(&ReplySketch::new(&request, status).tag(tag).contact(&contact).sdp(sdp))
}

#[test]
fn offer_in_the_invite_answer_in_the_response() {
    let mut lab = relayed();
    let lines = lab.send(&invite().sdp("alice"), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "offer of a1: alice", "INVITE to bob"]);
    let forwarded = lab.request_to(BOB, "INVITE");
    assert_eq!(forwarded.body(), b"alice by relay");
    assert_eq!(forwarded.content_length(), Some(14));
    assert!(forwarded.content_type_is("application/sdp"));
    let lines = describe(&mut lab, BOB, 183, "b1", "early");
    assert_eq!(lines, ["answer of b1 to a1: early", "183 INVITE to alice"]);
    assert_eq!(lab.response_to(ALICE).body(), b"early by relay");
    assert_eq!(lab.answer(BOB, "INVITE", 180), ["180 INVITE to alice"], "nothing to rewrite");
    let lines = describe(&mut lab, BOB, 200, "b1", "bob");
    assert_eq!(lines, ["answer of b1 to a1: bob", "200 INVITE to alice"]);
    assert_eq!(lab.response_to(ALICE).body(), b"bob by relay");
    // A repeat is rewritten as well, or alice would see bob's own address.
    let lines = describe(&mut lab, BOB, 200, "b1", "bob");
    assert_eq!(lines, ["answer of b1 to a1: bob", "200 INVITE to alice"]);
    let mut alice = Dialog::of_caller(&lab.response_to(ALICE));
    assert_eq!(lab.send_in(&mut alice, "ACK", udp(ALICE)), ["ACK to bob"]);
    assert_eq!(lab.send_in(&mut alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["delete of a1", "200 BYE to alice"]);
    lab.ends_empty();
}

#[test]
fn offer_in_the_response_answer_in_the_ack() {
    let mut lab = relayed();
    assert_eq!(lab.send(&invite(), udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    let lines = describe(&mut lab, BOB, 200, "b1", "bob");
    assert_eq!(lines, ["offer of b1 to a1: bob", "200 INVITE to alice"]);
    let mut alice = Dialog::of_caller(&lab.response_to(ALICE));
    let ack = lab.next_in(&mut alice, "ACK", udp(ALICE)).sdp("alice");
    assert_eq!(lab.send(&ack, udp(ALICE)), ["answer of a1 to b1: alice", "ACK to bob"]);
    assert_eq!(lab.request_to(BOB, "ACK").body(), b"alice by relay");
    assert_eq!(lab.proxy.statistics().contexts, 0);
    // The copy of a lost ACK.
    assert_eq!(lab.send(&ack, udp(ALICE)), ["answer of a1 to b1: alice", "ACK to bob"]);
}

#[test]
fn either_side_may_offer_anew() {
    for method in ["INVITE", "UPDATE"] {
        let (mut lab, mut call) = talking();
        let sketch = lab.next_in(&mut call.bob, method, udp(BOB)).sdp("hold");
        let lines = lab.send(&sketch, udp(BOB));
        assert_eq!(lines[0], "offer of b1 to a1: hold");
        assert_eq!(lines.last().unwrap(), &format!("{method} to alice"));
        assert_eq!(lab.request_to(ALICE, method).body(), b"hold by relay");
        let request = lab.request_to(ALICE, method);
        let lines = lab.reply(&ReplySketch::new(&request, 200).sdp("held"));
        assert_eq!(lines, ["answer of a1 to b1: held".to_owned(), format!("200 {method} to bob")]);
        // A refusal leaves the call as it is.
        let sketch = lab.next_in(&mut call.alice, method, udp(ALICE)).sdp("video");
        assert_eq!(lab.send(&sketch, udp(ALICE))[0], "offer of a1 to b1: video");
        let mut lines = lab.answer(BOB, method, 488);
        lines.retain(|line| !line.starts_with("ACK"));
        assert_eq!(lines, [format!("488 {method} to alice")]);
    }
}

#[test]
fn other_bodies_and_other_requests_are_left_alone() {
    let mut lab = relayed();
    let text = String::from_utf8_lossy(&invite().sdp("alice").bytes()).into_owned();
    let other = text.replace("application/sdp", "application/isup");
    let lines = lab.send_request(messages::request(other.into()), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "INVITE to bob"]);
    assert_eq!(lab.request_to(BOB, "INVITE").body(), b"alice");
    let (mut lab, mut call) = talking();
    for method in ["INFO", "MESSAGE", "PRACK", "NOTIFY"] {
        let sketch = lab.next_in(&mut call.alice, method, udp(ALICE)).sdp("x");
        assert_eq!(lab.send(&sketch, udp(ALICE)), [format!("{method} to bob")]);
        let request = lab.request_to(BOB, method);
        let lines = lab.reply(&ReplySketch::new(&request, 200).sdp("y"));
        assert_eq!(lines, [format!("200 {method} to alice")]);
    }
    // A media type is compared without case, and may have parameters.
    let mut lab = relayed();
    let odd = text.replace("application/sdp", "Application/SDP; charset=utf-8");
    let lines = lab.send_request(messages::request(odd.into()), udp(ALICE));
    assert_eq!(lines[1], "offer of a1: alice");
}

#[test]
fn a_call_that_fails_is_released_once() {
    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    describe(&mut lab, BOB, 183, "b1", "early");
    let lines = lab.answer(BOB, "INVITE", 486);
    assert_eq!(lines, ["delete of a1", "ACK to bob", "486 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();

    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    lab.answer(BOB, "INVITE", 180);
    lab.send(&same_transaction("CANCEL"), udp(ALICE));
    let lines = lab.answer(BOB, "INVITE", 487);
    assert_eq!(lines, ["delete of a1", "ACK to bob", "487 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();

    // Bob's name cannot be resolved.
    let mut lab = relayed();
    let mut phone = target(BOB);
    (phone.uri, phone.flow) = ("sip:bob@nowhere.invalid".into(), None);
    lab.give_bob(vec![phone]);
    let mut lines = lab.send(&invite().sdp("alice"), udp(ALICE));
    lines.sort();
    let expected =
        ["100 INVITE to alice", "502 INVITE to alice", "delete of a1", "offer of a1: alice"];
    assert_eq!(lines, expected);
}

/// What was never offered needs no release: neither a challenge nor an absent user touches the relay.
#[test]
fn the_relay_is_asked_only_for_calls_that_go_on() {
    let mut lab = relayed();
    lab.bindings.clear();
    let lines = lab.send(&invite().sdp("alice"), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "480 INVITE to alice"]);
    let mut lab = Lab::with(|config| {
        config.media = MediaPolicy::Always;
        config.auth = offhook_proxy::AuthPolicy::Digest;
    });
    let lines = lab.send(&invite().sdp("alice"), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"]);
}

#[test]
fn a_bye_from_either_side_releases_it_after_a_restart_too() {
    for restarts in [false, true] {
        let (mut lab, mut call) = talking();
        if restarts {
            lab.restart();
        }
        assert_eq!(lab.send_in(&mut call.bob, "BYE", udp(BOB)), ["BYE to alice"]);
        // The same BYE is challenged first, as some gateways do.
        assert_eq!(lab.answer(ALICE, "BYE", 401), ["401 BYE to bob"]);
        lab.send_in(&mut call.bob, "BYE", udp(BOB));
        // Who called is known of a call on the list; of another one the sender's part is over.
        let tag = if restarts { "b1" } else { "a1" };
        let lines = lab.answer(ALICE, "BYE", 200);
        assert_eq!(lines, [format!("delete of {tag}"), "200 BYE to bob".into()]);
        lab.ends_empty();
    }
}

#[test]
fn a_bye_that_nobody_answers_releases_it_too() {
    let (mut lab, mut call) = talking();
    lab.send_in(&mut call.alice, "BYE", udp(ALICE));
    let lines = lab.pass_secs(33);
    assert_eq!(lines.last().unwrap(), "delete of a1");
    lab.ends_empty();
    let (mut lab, mut call) = talking();
    lab.send_in(&mut call.alice, "BYE", udp(ALICE));
    assert_eq!(lab.fail_last_send(), ["delete of a1", "503 BYE to alice"]);
    lab.ends_empty();
}

#[test]
fn without_a_working_relay_a_call_is_refused_and_an_answered_one_goes_on() {
    for (relay, status) in [(Relay::Full, 503), (Relay::Rejecting, 488)] {
        let mut lab = relayed();
        lab.relay = relay;
        let mut lines = lab.send(&invite().sdp("alice"), udp(ALICE));
        lines.sort();
        let refused = format!("{status} INVITE to alice");
        let expected = ["100 INVITE to alice", &refused, "delete of a1", "offer of a1: alice"];
        assert_eq!(lines, expected);
        lab.send(&same_transaction("ACK"), udp(ALICE));
        lab.ends_empty();

        let mut lab = relayed();
        lab.send(&invite().sdp("alice"), udp(ALICE));
        lab.relay = relay;
        let lines = describe(&mut lab, BOB, 200, "b1", "bob");
        assert_eq!(lines, ["answer of b1 to a1: bob", "200 INVITE to alice"]);
        assert_eq!(lab.response_to(ALICE).body(), b"bob", "bob has answered: no way back");

        // A change within the call can be refused without harm.
        let (mut lab, mut call) = talking();
        lab.relay = relay;
        let sketch = lab.next_in(&mut call.bob, "INVITE", udp(BOB)).sdp("hold");
        let lines = lab.send(&sketch, udp(BOB));
        assert!(lines.contains(&format!("{status} INVITE to bob")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("delete")), "{lines:?}");
    }
}

#[test]
fn a_relay_that_does_not_answer_holds_up_a_response_no_longer_than_allowed() {
    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    lab.holds_questions = true;
    assert_eq!(describe(&mut lab, BOB, 200, "b1", "bob"), ["answer of b1 to a1: bob"]);
    // Meanwhile alice gives up: too late, bob has answered.
    let lines = lab.send(&same_transaction("CANCEL"), udp(ALICE));
    assert_eq!(lines, ["200 CANCEL to alice"]);
    assert_eq!(lab.pass(LOOKUP_TIMEOUT), ["200 INVITE to alice"]);
    let question = lab.question();
    assert!(lab.answer_question(question).is_empty());
    assert_eq!(lab.proxy.statistics().lookups, 0);
}

/// Answers of the relay may overtake each other; a call never goes back from 200 to 183.
#[test]
fn an_early_description_that_comes_after_the_answer_is_dropped() {
    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    lab.holds_questions = true;
    describe(&mut lab, BOB, 183, "b1", "early");
    describe(&mut lab, BOB, 200, "b1", "bob");
    let (early, answer) = (lab.question(), lab.question());
    assert_eq!(lab.answer_question(answer), ["200 INVITE to alice"]);
    assert!(lab.answer_question(early).is_empty());

    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    lab.holds_questions = true;
    describe(&mut lab, BOB, 183, "b1", "early");
    let lines = lab.answer(BOB, "INVITE", 486);
    assert_eq!(lines, ["delete of a1", "ACK to bob", "486 INVITE to alice"]);
    let early = lab.question();
    assert!(lab.answer_question(early).is_empty());
}

#[test]
fn a_cancelled_call_whose_offer_is_under_way_is_released() {
    let mut lab = relayed();
    lab.holds_questions = true;
    lab.send(&invite().sdp("alice"), udp(ALICE));
    let question = lab.question();
    lab.answer_question(question);
    let lines = lab.send(&same_transaction("CANCEL"), udp(ALICE));
    assert_eq!(lines, ["delete of a1", "200 CANCEL to alice", "487 INVITE to alice"]);
    let question = lab.question();
    assert!(lab.answer_question(question).is_empty());
}

#[test]
fn the_phones_of_a_fork_share_the_offer_and_each_has_its_answer() {
    let mut lab = relayed();
    lab.give_bob([BOB, BOB2].map(target).into());
    let lines = lab.send(&invite().sdp("alice"), udp(ALICE));
    assert_eq!(
        lines,
        ["100 INVITE to alice", "offer of a1: alice", "INVITE to bob", "INVITE to bob2"]
    );
    describe(&mut lab, BOB, 183, "b1", "one");
    let lines = describe(&mut lab, BOB2, 200, "b2", "two");
    assert_eq!(lines, ["answer of b2 to a1: two", "CANCEL to bob", "200 INVITE to alice"]);
    let mut kept = Dialog::of_caller(&lab.response_to(ALICE));
    let lines = describe(&mut lab, BOB, 200, "b1", "one");
    assert_eq!(lines, ["answer of b1 to a1: one", "200 INVITE to alice"]);
    let mut dropped = Dialog::of_caller(&lab.response_to(ALICE));
    // Alice hangs up on one of the two, and the other keeps its media.
    lab.send_in(&mut dropped, "BYE", udp(ALICE));
    assert_eq!(lab.answer(BOB, "BYE", 200), ["delete of a1 to b1", "200 BYE to alice"]);
    lab.send_in(&mut kept, "BYE", udp(ALICE));
    assert_eq!(lab.answer(BOB2, "BYE", 200), ["delete of a1", "200 BYE to alice"]);
    lab.ends_empty();
}

/// The caller ends one early dialog by BYE, as RFC 3261 section 15 allows it; the other phone rings on.
#[test]
fn the_end_of_an_early_dialog_leaves_the_others_their_media() {
    let mut lab = relayed();
    lab.give_bob([BOB, BOB2].map(target).into());
    lab.send(&invite().sdp("alice"), udp(ALICE));
    describe(&mut lab, BOB, 183, "b1", "one");
    let mut early = Dialog::of_caller(&lab.response_to(ALICE));
    describe(&mut lab, BOB2, 183, "b2", "two");
    lab.send_in(&mut early, "BYE", udp(ALICE));
    assert_eq!(lab.answer(BOB, "BYE", 200), ["delete of a1 to b1", "200 BYE to alice"]);
}

#[test]
fn only_calls_that_pass_a_nat_are_relayed_where_the_policy_says_so() {
    let mut behind_nat = target(NAT);
    behind_nat.behind_nat = true;
    // Via of the caller, where it sends from, the callee, and whether the call is relayed.
    let table = [
        ("192.0.2.10:5060", ALICE, target(BOB), false),
        ("192.0.2.10:5060;rport", "192.0.2.10:5061", target(BOB), true),
        ("192.0.2.10:5060", "192.0.2.10:5061", target(BOB), false),
        ("10.0.0.7:5060;rport", NAT, target(BOB), true),
        ("10.0.0.7:5060", NAT, target(BOB), true),
        ("phone.example.net", ALICE, target(BOB), false),
        ("192.0.2.10:5060", ALICE, behind_nat, true),
    ];
    for (via, source, callee, expected) in table {
        let mut lab = Lab::with(|config| config.media = MediaPolicy::Nat);
        lab.give_bob(vec![callee]);
        let sketch = invite().sdp("alice").via(&format!("SIP/2.0/UDP {via};branch=z9hG4bKv"));
        let lines = lab.send(&sketch, udp(source));
        let is_offered = lines.contains(&"offer of a1: alice".to_owned());
        assert_eq!(is_offered, expected, "{via} {source}");
        let host = lab.sent.last().unwrap().flow.remote.to_string();
        let forwarded = lab.request_to(&host, "INVITE");
        let is_marked =
            forwarded.record_routes().next().unwrap().unwrap().uri.params.has("relayed");
        assert_eq!(is_marked, expected, "{via} {source}");
    }
}

#[test]
fn never_means_never() {
    let mut lab = Lab::new();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    assert_eq!(lab.request_to(BOB, "INVITE").body(), b"alice");
    assert_eq!(describe(&mut lab, BOB, 200, "b1", "bob"), ["200 INVITE to alice"]);
}

/// A callee names whatever it likes in its responses; the relay hears of the caller's call alone.
#[test]
fn a_response_cannot_speak_for_another_call() {
    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    let request = lab.request_to(BOB, "INVITE");
    let good = ReplySketch::new(&request, 200).sdp("bob").bytes();
    let forged = String::from_utf8_lossy(&good)
        .replace("call-1@192.0.2.10", "victims-call")
        .replace("tag=a1", "tag=victim");
    lab.holds_questions = true;
    let response = messages::response(forged.into());
    assert_eq!(lab.hand(Input::Response { response }), ["answer of b1 to a1: bob"]);
    assert_eq!(lab.relayed_calls, ["call-1@192.0.2.10", "call-1@192.0.2.10"]);
    assert_eq!(lab.proxy.calls().next().unwrap().call_id, "call-1@192.0.2.10");
}

/// However often bob repeats himself while the relay is slow, a few responses wait at most.
#[test]
fn responses_that_wait_for_the_relay_are_limited() {
    let mut lab = relayed();
    lab.send(&invite().sdp("alice"), udp(ALICE));
    lab.holds_questions = true;
    for _ in 0..1_000 {
        describe(&mut lab, BOB, 183, "b1", "early");
    }
    assert_eq!(lab.proxy.statistics().lookups, 8);
    // And once the relay has spoken, others may wait.
    let question = lab.question();
    assert_eq!(lab.answer_question(question), ["183 INVITE to alice"]);
    assert_eq!(describe(&mut lab, BOB, 200, "b1", "bob"), ["answer of b1 to a1: bob"]);
}

/// A caller without a tag cannot be named to the relay: the call passes without it.
#[test]
fn a_call_without_tags_passes_unrelayed() {
    let mut lab = relayed();
    let sketch = RequestSketch::new("INVITE", "sip:bob@example.com")
        .from("<sip:alice@example.com>")
        .sdp("alice");
    assert_eq!(lab.send(&sketch, udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    assert_eq!(describe(&mut lab, BOB, 200, "b1", "bob"), ["200 INVITE to alice"]);
}

#[test]
fn an_outcome_for_nothing_is_ignored() {
    let mut lab = relayed();
    lab.holds_questions = true;
    lab.send(&invite().sdp("alice"), udp(ALICE));
    let Question::Targets(token, _) = lab.question() else { panic!("targets") };
    let outcome = MediaOutcome::Rewritten("x".into());
    assert!(lab.hand(Input::Media { token, outcome }).is_empty());
}
