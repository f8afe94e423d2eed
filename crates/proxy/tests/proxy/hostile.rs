//! Peers that do what no phone does: everything has a bound, and nothing they say costs others.

use offhook_proxy::Input;
use offhook_sip_message::Message;
use offhook_testkit::{Dialog, ReplySketch};

use crate::support::*;

/// Most actions that one message may lead to here: a 100, four branches, and their like.
const MOST_ACTIONS: usize = 12;

#[test]
fn calls_beyond_the_table_are_refused_and_forgotten() {
    let mut lab = Lab::with(|config| config.max_transactions = 50);
    for number in 0..2_000 {
        let via = format!("SIP/2.0/UDP 203.0.113.66;branch=z9hG4bKflood{number}");
        let sketch = invite().via(&via).call_id(&format!("flood-{number}"));
        let lines = lab.send(&sketch, udp(EVE));
        assert!(lines.len() <= MOST_ACTIONS);
        assert!(lab.proxy.statistics().contexts <= 50);
    }
    lab.pass_secs(40);
    lab.ends_empty();
}

/// An ACK opens no transaction, so nothing else limits how many wait for an address.
#[test]
fn acks_that_wait_are_limited() {
    let mut lab = Lab::with(|config| config.max_transactions = 50);
    lab.send(&invite(), udp(ALICE));
    let request = lab.request_to(BOB, "INVITE");
    lab.reply(&ReplySketch::new(&request, 200).contact("sip:bob@slow.example.net"));
    let mut alice = Dialog::of_caller(&lab.response_to(ALICE));
    lab.holds_questions = true;
    for _ in 0..500 {
        lab.send_in(&mut alice, "ACK", udp(ALICE));
        assert!(lab.proxy.statistics().contexts <= 50);
        assert!(lab.proxy.statistics().lookups <= 50);
    }
    lab.pass_secs(10);
    assert_eq!(lab.proxy.statistics().contexts, 0);
}

#[test]
fn many_answers_to_one_call_cost_no_more_memory() {
    let mut lab = Lab::called();
    let request = lab.request_to(BOB, "INVITE");
    for number in 0..500 {
        let reply = ReplySketch::new(&request, 200).tag(&format!("many{number}"));
        assert_eq!(lab.reply(&reply), ["200 INVITE to alice"]);
    }
    let statistics = lab.proxy.statistics();
    assert_eq!((statistics.contexts, statistics.lookups, statistics.calls), (0, 0, 1));
    assert_eq!(statistics.links, 1);
}

#[test]
fn tickets_and_responses_that_mean_nothing_change_nothing() {
    let mut lab = Lab::ringing();
    let before = lab.proxy.statistics();
    for ticket in [0, 1, 7, u64::MAX, 1 << 63, 1 << 32] {
        lab.hand(Input::SendFailed { ticket });
    }
    let request = lab.request_to(BOB, "INVITE");
    for status in [100, 180, 200, 486] {
        let reply = ReplySketch::new(&request, status).bytes();
        let text = String::from_utf8_lossy(&reply).replace("CSeq: 1 INVITE", "CSeq: 1 ACK");
        let response = offhook_testkit::messages::response(text.into());
        assert!(lab.hand(Input::Response { response }).is_empty());
    }
    assert_eq!(lab.proxy.statistics(), before);
}

/// Bob's registration points back at the platform, without passwords: the hops run out.
#[test]
fn a_loop_ends_when_the_hops_run_out() {
    let mut lab = Lab::new();
    let mut looping = target(PLATFORM);
    looping.uri = "sip:bob@192.0.2.1:5060".into();
    lab.give_bob(vec![looping]);
    lab.send(&request("MESSAGE"), udp(ALICE));
    let mut passed = 0;
    let mut last = Vec::new();
    while let Some(sent) = lab.sent.last().filter(|sent| sent.flow.remote.to_string() == PLATFORM) {
        let Message::Request(request) = sent.message.clone() else { break };
        passed += 1;
        assert!(passed <= 70, "it does not end");
        last = lab.send_request(request, udp(PLATFORM));
    }
    assert_eq!(last, [format!("483 MESSAGE to {PLATFORM}")]);
    assert_eq!(passed, 70);
}
