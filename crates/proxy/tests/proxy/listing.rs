//! The calls that an operator sees, and what is reported of them.

use std::time::Duration;

use offhook_proxy::{AuthPolicy, CallReport, CallState, Report};
use offhook_sip_message::StatusCode;

use crate::support::*;

fn events(lab: &Lab) -> Vec<CallReport> {
    let event = |report: &Report| match report {
        Report::Call { event, .. } => Some(*event),
        Report::Refused { .. } | Report::WrongCredentials { .. } => None,
    };
    lab.reports.iter().filter_map(event).collect()
}

#[test]
fn a_call_is_listed_from_its_invite_to_its_bye() {
    let mut lab = Lab::called();
    let started = lab.clock.now().wall;
    lab.pass_secs(3);
    lab.answer(BOB, "INVITE", 180);
    let call = lab.proxy.calls().next().unwrap().clone();
    assert_eq!((call.state, call.answered, call.started), (CallState::Ringing, None, started));
    assert_eq!(call.call_id, "call-1@192.0.2.10");
    assert_eq!((&*call.from, &*call.to), ("sip:alice@example.com", "sip:bob@example.com"));
    assert!(!call.relayed);
    lab.answer(BOB, "INVITE", 200);
    lab.pass_secs(1);
    lab.answer(BOB, "INVITE", 200);
    let call = lab.proxy.calls().next().unwrap().clone();
    assert_eq!(call.state, CallState::Answered);
    assert_eq!(call.answered, Some(started + Duration::from_secs(3)), "the first 2xx counts");
    assert_eq!(events(&lab), [CallReport::Started, CallReport::Answered]);
}

#[test]
fn the_end_is_reported_with_its_cause() {
    let (mut lab, mut call) = Lab::talking();
    lab.send_in(&mut call.bob, "BYE", udp(BOB));
    assert_eq!(lab.proxy.calls().count(), 1, "not yet answered");
    lab.answer(ALICE, "BYE", 481);
    assert_eq!(lab.proxy.calls().count(), 0);
    assert_eq!(events(&lab), [CallReport::Started, CallReport::Answered, CallReport::Ended]);

    for status in [StatusCode::BUSY_HERE, StatusCode::NOT_FOUND, StatusCode::MOVED_TEMPORARILY] {
        let mut lab = Lab::ringing();
        lab.answer(BOB, "INVITE", status.as_u16());
        assert_eq!(lab.proxy.calls().count(), 0);
        assert_eq!(events(&lab), [CallReport::Started, CallReport::Failed(status)]);
    }
}

#[test]
fn what_never_reached_a_phone_is_no_call() {
    let mut lab = Lab::with(|config| config.auth = AuthPolicy::Digest);
    lab.send(&invite(), udp(ALICE));
    assert_eq!((lab.proxy.calls().count(), events(&lab).len()), (0, 0));
    let refused = Report::Refused {
        call_id: "call-1@192.0.2.10".into(),
        status: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        reason: StatusCode::PROXY_AUTHENTICATION_REQUIRED.reason(),
    };
    assert_eq!(lab.reports, [refused]);
    let mut lab = Lab::new();
    lab.bindings.clear();
    lab.send(&invite(), udp(ALICE));
    assert_eq!((lab.proxy.calls().count(), events(&lab).len()), (0, 0));
}

#[test]
fn changes_within_a_call_are_no_calls() {
    let (mut lab, mut call) = Lab::talking();
    lab.send_in(&mut call.bob, "INVITE", udp(BOB));
    lab.answer(ALICE, "INVITE", 488);
    assert_eq!(lab.proxy.calls().count(), 1);
    assert_eq!(events(&lab), [CallReport::Started, CallReport::Answered]);
}

/// A call of before a restart is not on the list, and its end is no news.
#[test]
fn a_restart_empties_the_list_and_breaks_no_call() {
    let (mut lab, mut call) = Lab::talking();
    lab.restart();
    lab.reports.clear();
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["200 BYE to alice"]);
    assert_eq!(events(&lab), []);
    lab.ends_empty();
}

#[test]
fn a_call_without_a_bye_leaves_the_list_after_the_longest_duration() {
    let (mut lab, _) = Lab::talking();
    lab.pass(MAX_CALL_DURATION - Duration::from_secs(1));
    assert_eq!(lab.proxy.calls().count(), 1);
    lab.pass_secs(2);
    assert_eq!(events(&lab).last(), Some(&CallReport::Expired));
    lab.ends_empty();
}

#[test]
fn beyond_the_limit_calls_go_through_unlisted() {
    let mut lab = Lab::with(|config| config.max_calls = 1);
    lab.send(&invite(), udp(ALICE));
    let second = invite().call_id("second").via("SIP/2.0/UDP 192.0.2.30;branch=z9hG4bKsecond");
    assert_eq!(lab.send(&second, udp(CAROL)), ["100 INVITE to carol", "INVITE to bob"]);
    assert_eq!(lab.proxy.calls().count(), 1);
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob", "486 INVITE to carol"]);
    assert_eq!(events(&lab), [CallReport::Started]);
}

/// A caller that hangs up before the answer by BYE, as RFC 3261 section 15 allows it: the INVITE ends
/// the call, not the BYE of one early dialog.
#[test]
fn the_end_of_an_early_dialog_is_not_the_end_of_the_call() {
    let mut lab = Lab::called();
    let request = lab.request_to(BOB, "INVITE");
    lab.reply(&offhook_testkit::ReplySketch::new(&request, 180).contact("sip:bob@192.0.2.20"));
    let mut alice = offhook_testkit::Dialog::of_caller(&lab.response_to(ALICE));
    assert_eq!(lab.send_in(&mut alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    lab.answer(BOB, "BYE", 200);
    assert_eq!(lab.proxy.calls().count(), 1);
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    assert_eq!(lab.proxy.calls().count(), 0);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}
