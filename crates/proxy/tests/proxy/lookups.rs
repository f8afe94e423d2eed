//! Look-ups that are answered at once, late, twice, wrongly or never.

use std::time::Duration;

use offhook_proxy::{AuthPolicy, CredentialsFound, Input, MediaOutcome, TargetsFound};
use offhook_sip_core::digest::Algorithm;
use offhook_sip_message::HeaderName;
use offhook_testkit::messages::RequestSketch;

use crate::support::*;

#[test]
fn where_the_user_is() {
    let table = [
        ("one phone", TargetsFound::Bindings(vec![target(BOB)]), vec!["INVITE to bob"]),
        ("no phone", TargetsFound::NotRegistered, vec!["480 INVITE to alice"]),
        ("an empty list", TargetsFound::Bindings(Vec::new()), vec!["480 INVITE to alice"]),
        ("no user", TargetsFound::UnknownUser, vec!["404 INVITE to alice"]),
        ("nobody can tell", TargetsFound::Unavailable, vec!["503 INVITE to alice"]),
    ];
    for (name, found, expected) in table {
        let mut lab = Lab::new();
        lab.holds_questions = true;
        let lines = lab.send(&invite(), udp(ALICE));
        assert_eq!(lines, ["targets of bob?", "100 INVITE to alice"], "{name}");
        let Question::Targets(token, _) = lab.question() else { panic!("{name}") };
        assert_eq!(lab.hand(Input::Targets { token, found: found.clone() }), expected, "{name}");
        // The answer comes a second time.
        assert!(lab.hand(Input::Targets { token, found }).is_empty(), "{name}");
        if expected == ["503 INVITE to alice"] {
            assert!(lab.response_to(ALICE).has(HeaderName::RetryAfter));
        }
        lab.send(&same_transaction("CANCEL"), udp(ALICE));
        lab.ends_empty();
    }
}

/// A lab whose question of this kind waits, and the lines that the answer is to lead to.
fn waiting(kind: &str) -> Lab {
    let mut lab = Lab::with(|config| match kind {
        "credentials" => config.auth = AuthPolicy::Digest,
        "offer" => config.media = offhook_proxy::MediaPolicy::Always,
        _ => {}
    });
    let mut sketch = invite();
    match kind {
        "credentials" => {
            lab.send(&sketch, udp(ALICE));
            lab.send(&same_transaction("ACK"), udp(ALICE));
            let target = ("INVITE", "sip:bob@example.com");
            let response = lab.response_to(ALICE);
            let answer = credentials(&response, Algorithm::Md5, "alice", "secret", target);
            sketch = again(sketch.header("Proxy-Authorization", &answer));
        }
        "offer" => sketch = again(sketch.sdp("alice")),
        "addresses" => {
            let mut phone = target(BOB);
            (phone.uri, phone.flow) = ("sip:bob@phone.example.net".into(), None);
            lab.give_bob(vec![phone]);
            lab.hosts.insert("phone.example.net".into(), vec![BOB.parse().unwrap()]);
            sketch = again(sketch);
        }
        _ => sketch = again(sketch),
    }
    lab.holds_questions = true;
    lab.send(&sketch, udp(ALICE));
    // The stages before the one that is meant are answered.
    while !is_of_kind(lab.questions.front().expect("a question"), kind) {
        let question = lab.question();
        lab.answer_question(question);
    }
    lab
}

fn again(sketch: RequestSketch) -> RequestSketch {
    sketch.via("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKagain;rport").cseq(2)
}

fn is_of_kind(question: &Question, kind: &str) -> bool {
    match question {
        Question::Credentials(..) => kind == "credentials",
        Question::Targets(..) => kind == "targets",
        Question::Addresses(..) => kind == "addresses",
        Question::Media(..) => kind == "offer",
    }
}

/// Each kind of question, and what a request is answered with if it is never answered.
const KINDS: [(&str, &str); 4] =
    [("credentials", "503"), ("targets", "503"), ("addresses", "502"), ("offer", "503")];

#[test]
fn an_answer_leads_on() {
    for (kind, _) in KINDS {
        let mut lab = waiting(kind);
        let question = lab.question();
        lab.holds_questions = false;
        let lines = lab.answer_question(question.clone());
        assert_eq!(lines, ["INVITE to bob"], "{kind}");
        assert!(lab.answer_question(question).is_empty(), "{kind}: the second answer");
        assert_eq!(lab.proxy.statistics().lookups, 0);
    }
}

#[test]
fn an_answer_that_never_comes_ends_in_an_error_in_time_and_a_late_one_is_ignored() {
    for (kind, status) in KINDS {
        let mut lab = waiting(kind);
        let question = lab.question();
        let just_before = LOOKUP_TIMEOUT - Duration::from_millis(10);
        assert!(lab.pass(just_before).is_empty(), "{kind}");
        let mut lines = lab.pass(Duration::from_millis(20));
        lines.retain(|line| !line.starts_with("delete"));
        assert_eq!(lines, [format!("{status} INVITE to alice")], "{kind}");
        assert_eq!(lab.response_to(ALICE).has(HeaderName::RetryAfter), status == "503", "{kind}");
        assert!(lab.answer_question(question).is_empty(), "{kind}: the late answer");
        lab.ends_empty();
    }
}

#[test]
fn a_cancel_while_a_question_waits_ends_the_request_once() {
    for (kind, _) in KINDS {
        let mut lab = waiting(kind);
        let question = lab.question();
        let cancel = || again(same_transaction("CANCEL"));
        let mut lines = lab.send(&cancel(), udp(ALICE));
        lines.retain(|line| !line.starts_with("delete"));
        assert_eq!(lines, ["200 CANCEL to alice", "487 INVITE to alice"], "{kind}");
        assert_eq!(lab.send(&cancel(), udp(ALICE)), ["200 CANCEL to alice"], "{kind}: repeated");
        assert!(lab.send(&again(same_transaction("ACK")), udp(ALICE)).is_empty(), "{kind}");
        assert!(lab.answer_question(question).is_empty(), "{kind}: the late answer");
        lab.ends_empty();
    }
}

#[test]
fn a_retransmission_while_a_question_waits_gets_the_100_again_and_asks_nothing() {
    for (kind, _) in KINDS {
        let mut lab = waiting(kind);
        let questions = lab.questions.len();
        let mut sketch = again(invite());
        if kind == "offer" {
            sketch = sketch.sdp("alice");
        }
        assert_eq!(lab.send(&sketch, udp(ALICE)), ["100 INVITE to alice"], "{kind}");
        assert_eq!(lab.questions.len(), questions, "{kind}");
    }
}

/// An answer of another kind than the question is no answer to it.
#[test]
fn an_answer_to_another_question_is_ignored() {
    let mut lab = waiting("targets");
    let Question::Targets(token, _) = lab.question() else { panic!("targets") };
    assert!(lab.hand(Input::Credentials { token, found: CredentialsFound::Unknown }).is_empty());
    assert!(lab.hand(Input::Addresses { token, addresses: Vec::new() }).is_empty());
    let outcome = MediaOutcome::Rejected;
    assert!(lab.hand(Input::Media { token, outcome }).is_empty());
    let found = TargetsFound::UnknownUser;
    assert_eq!(lab.hand(Input::Targets { token, found }), ["404 INVITE to alice"]);
}

#[test]
fn a_non_invite_request_waits_in_silence() {
    let mut lab = Lab::new();
    lab.holds_questions = true;
    assert_eq!(lab.send(&request("MESSAGE"), udp(ALICE)), ["targets of bob?"]);
    assert!(lab.send(&request("MESSAGE"), udp(ALICE)).is_empty(), "nothing to repeat yet");
    // RFC 4320 section 4.1: after 3.5 s the client is told that its request has arrived.
    assert_eq!(lab.pass_secs(4), ["100 MESSAGE to alice"]);
    assert_eq!(lab.pass_secs(2), ["503 MESSAGE to alice"]);
    lab.ends_empty();
}

/// Its client has given up before the branch does, which then has nobody to report to.
#[test]
fn a_request_may_end_before_its_branch() {
    let mut lab = Lab::new();
    lab.holds_questions = true;
    lab.send(&request("MESSAGE"), udp(ALICE));
    lab.pass_secs(4);
    let question = lab.question();
    assert_eq!(lab.answer_question(question), ["MESSAGE to bob"]);
    let lines = lab.pass_secs(30);
    assert!(lines.iter().all(|line| line == "MESSAGE to bob"), "{lines:?}");
    assert_eq!(lab.proxy.statistics().server_transactions, 0);
    assert!(lab.answer(BOB, "MESSAGE", 200).is_empty());
    lab.ends_empty();
}

/// One phone's name is found, the other's never: the call goes to the first at once.
#[test]
fn a_fork_does_not_wait_for_the_slowest_name() {
    let mut lab = Lab::new();
    let mut named = target(BOB2);
    (named.uri, named.flow) = ("sip:bob@slow.example.net".into(), None);
    lab.give_bob(vec![named, target(BOB)]);
    lab.holds_questions = true;
    lab.send(&invite(), udp(ALICE));
    let question = lab.question();
    let lines = lab.answer_question(question);
    assert_eq!(lines, ["addresses of slow.example.net?", "INVITE to bob"]);
    assert_eq!(lab.answer(BOB, "INVITE", 180), ["180 INVITE to alice"]);
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob"]);
    // The other branch counts as failed with 502, which says less than 486.
    assert_eq!(lab.pass(LOOKUP_TIMEOUT), ["486 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

#[test]
fn a_name_that_is_found_after_the_call_was_answered_or_cancelled_is_not_called() {
    for ends_by_answer in [true, false] {
        let mut lab = Lab::new();
        let mut named = target(BOB2);
        (named.uri, named.flow) = ("sip:bob@slow.example.net".into(), None);
        lab.give_bob(vec![named, target(BOB)]);
        lab.hosts.insert("slow.example.net".into(), vec![BOB2.parse().unwrap()]);
        lab.holds_questions = true;
        lab.send(&invite(), udp(ALICE));
        let question = lab.question();
        lab.answer_question(question);
        lab.answer(BOB, "INVITE", 180);
        if ends_by_answer {
            assert_eq!(lab.answer(BOB, "INVITE", 200), ["200 INVITE to alice"]);
        } else {
            let lines = lab.send(&same_transaction("CANCEL"), udp(ALICE));
            assert_eq!(lines, ["200 CANCEL to alice", "CANCEL to bob"]);
            assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
        }
        let question = lab.question();
        assert!(lab.answer_question(question).is_empty());
    }
}
