//! RFC 3261 section 17.2.3 and 17.1.3: which transaction a message belongs to.

use super::*;

const URI: &str = "sip:bob@example.com";

fn with_via(method: &str, via: &str) -> Request {
    RequestSketch::new(method, URI).via(via).request()
}

#[test]
fn a_request_is_told_by_branch_sent_by_and_method() {
    let base = "SIP/2.0/UDP phone.example.com:5060;branch=z9hG4bKx1";
    for (method, via, is_repeat) in [
        ("INVITE", base, true),
        ("INVITE", "SIP/2.0/UDP PHONE.example.com;branch=z9hG4bKx1;rport", true),
        ("INVITE", "SIP/2.0/UDP phone.example.com:5060;branch=z9hG4bKx2", false),
        ("INVITE", "SIP/2.0/UDP phone.example.com:5061;branch=z9hG4bKx1", false),
        ("INVITE", "SIP/2.0/UDP other.example.com:5060;branch=z9hG4bKx1", false),
        ("OPTIONS", base, false),
        ("CANCEL", base, false),
    ] {
        let mut layer = layer();
        open(&mut layer, &with_via("INVITE", base), udp(), at(0));
        let received = receive(&mut layer, &with_via(method, via), udp(), at(1));
        assert_eq!(received == Received::Retransmission, is_repeat, "{method} {via}");
    }
}

#[test]
fn extension_methods_are_told_apart() {
    let mut layer = layer();
    let via = "SIP/2.0/UDP phone.example.com:5060;branch=z9hG4bKx1";
    open(&mut layer, &with_via("FOO", via), udp(), at(0));
    open(&mut layer, &with_via("BAR", via), udp(), at(0));
    let again = receive(&mut layer, &with_via("FOO", via), udp(), at(1));
    assert_eq!(again, Received::Retransmission);
}

#[test]
fn a_phone_that_keeps_its_branch_for_a_new_request_is_heard() {
    let mut layer = layer();
    let first = RequestSketch::new("REGISTER", URI).cseq(1);
    let second = first.clone().cseq(2).header("Authorization", "Digest a=b");
    open(&mut layer, &first.request(), udp(), at(0));
    open(&mut layer, &second.request(), udp(), at(1));
}

#[test]
fn the_ack_of_a_failed_invite_belongs_to_it_and_other_acks_go_through() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let ack = RequestSketch::new("ACK", URI).to("<sip:bob@example.com>;tag=b1").request();
    assert_eq!(receive(&mut layer, &ack, udp(), at(0)), Received::Ack);
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 486, at(10));
    assert_eq!(receive(&mut layer, &ack, udp(), at(20)), Received::AckAbsorbed(id));
    assert_eq!(receive(&mut layer, &ack, udp(), at(30)), Received::AckAbsorbed(id));
    let for_2xx = with_via("ACK", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKanother;rport");
    assert_eq!(receive(&mut layer, &for_2xx, udp(), at(40)), Received::Ack);
}

#[test]
fn an_ack_for_a_2xx_goes_through_even_with_the_branch_of_its_invite() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let ack = RequestSketch::new("ACK", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 200, at(10));
    assert_eq!(receive(&mut layer, &ack, udp(), at(20)), Received::Ack);
    assert_eq!(receive(&mut layer, &ack, udp(), at(30)), Received::Ack);
}

/// A client of RFC 2543, and one whose branch is the cookie alone (RFC 4475 section 3.2.1).
#[test]
fn without_a_usable_branch_the_fields_are_compared() {
    for via in ["SIP/2.0/UDP 192.0.2.10:5060", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK"] {
        let base = RequestSketch::new("INVITE", URI).via(via);
        let from = "<sip:alice@example.com>;tag=other";
        let rows = [
            (base.clone(), true),
            (base.clone().header("Subject", "again"), true),
            (base.clone().call_id("other"), false),
            (base.clone().cseq(2), false),
            (base.clone().from(from), false),
            (base.clone().via("SIP/2.0/UDP 192.0.2.10:5060;branch=1"), false),
            (RequestSketch::new("INVITE", "sip:carol@example.com").via(via), false),
            (RequestSketch::new("OPTIONS", URI).via(via), false),
        ];
        for (sketch, is_repeat) in rows {
            let mut layer = layer();
            open(&mut layer, &base.request(), udp(), at(0));
            let received = receive(&mut layer, &sketch.request(), udp(), at(1));
            assert_eq!(received == Received::Retransmission, is_repeat, "{sketch:?}");
        }
    }
}

#[test]
fn an_ack_of_rfc_2543_shows_the_tag_of_the_response() {
    let mut layer = layer();
    let via = "SIP/2.0/UDP 192.0.2.10:5060";
    let invite = RequestSketch::new("INVITE", URI).via(via).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 404, at(10));
    let ack = |tag: &str| {
        let to = format!("<sip:bob@example.com>;tag={tag}");
        RequestSketch::new("ACK", URI).via(via).to(&to).request()
    };
    assert_eq!(receive(&mut layer, &ack("b2"), udp(), at(20)), Received::Ack);
    assert_eq!(receive(&mut layer, &ack("b1"), udp(), at(30)), Received::AckAbsorbed(id));
    effects(&mut layer);
    assert_eq!(run(&mut layer, at(60_000)), [(5_032, "server ended".to_owned())]);
}

#[test]
fn a_response_is_told_by_our_branch_and_its_method() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    let branch = String::from_utf8_lossy(invite.top_via().branch().unwrap()).into_owned();
    let with_branch = |method: &str, branch: &str| {
        let via = format!("SIP/2.0/UDP 192.0.2.1:5060;branch={branch}");
        let request = RequestSketch::new(method, URI).via(&via).request();
        messages::response(messages::response_to(&request, 180, "b1"))
    };
    let last = branch.chars().last().unwrap();
    let forged = format!("{}{}", &branch[..branch.len() - 1], if last == '0' { '1' } else { '0' });
    for (method, branch, is_ours) in [
        ("INVITE", branch.clone(), true),
        ("INVITE", format!("{branch}.loop-1"), true),
        ("BYE", branch.clone(), false),
        ("CANCEL", branch, false),
        ("INVITE", forged, false),
        ("INVITE", "z9hG4bKsomething".into(), false),
        ("INVITE", "1".into(), false),
    ] {
        let received = layer.receive_response(&with_branch(method, &branch), at(10));
        assert_eq!(received, is_ours.then_some(id), "{method} {branch}");
    }
    assert_eq!(layer.counters().stray_responses, 5);
}

#[test]
fn branches_are_unique_and_depend_on_the_seed() {
    let mut one = layer();
    let mut other = Transactions::new(TimerConfig::default(), Capacity::default(), SEED + 1);
    let mut branches: Vec<_> = (0..1_000)
        .flat_map(|_| [one.new_branch(), other.new_branch()])
        .map(|branch| branch.to_string())
        .collect();
    assert!(branches.iter().all(|branch| branch.starts_with("z9hG4bK") && branch.len() == 23));
    branches.sort();
    branches.dedup();
    assert_eq!(branches.len(), 2_000);
}
