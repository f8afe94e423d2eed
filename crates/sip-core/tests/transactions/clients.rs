//! Client transactions: what is repeated, what reaches the user, and the ACK.

use super::*;

#[test]
fn an_unanswered_request_is_repeated_and_times_out() {
    for (method, repeats) in [("INVITE", 6), ("OPTIONS", 10)] {
        let mut layer = layer();
        send(&mut layer, method, udp(), at(0));
        let events = run(&mut layer, at(60_000));
        let (sent, end) = events.split_at(repeats);
        assert!(sent.iter().all(|(_, what)| *what == format!("{method} to 192.0.2.10:40000")));
        let end: Vec<_> = end.iter().map(|(at, what)| (*at, what.as_str())).collect();
        assert_eq!(end, [(32_000, "client timed out"), (32_000, "client ended")]);
        assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
    }
}

#[test]
fn the_ack_of_a_failed_invite_is_made_of_the_invite_and_the_response() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    assert_eq!(answer(&mut layer, &invite, 486, at(10)), Some(id));
    let (ack, _) = sent(&mut layer);
    let branch = String::from_utf8_lossy(invite.top_via().branch().unwrap()).into_owned();
    let expected = format!(
        "ACK sip:bob@192.0.2.20:5070;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:bob@example.com>;tag=b1\r\n\
         Call-ID: call-1@192.0.2.10\r\n\
         CSeq: 1 ACK\r\n\
         Route: <sip:p1.example.com;lr>\r\n\
         Route: <sip:p2.example.com;lr>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(text(&ack), expected);
    assert!(matches!(parsed(ack.clone()), Message::Request(_)));
    assert_eq!(answer(&mut layer, &invite, 486, at(600)), None, "the repeat stays here");
    assert_eq!(sent(&mut layer).0, ack);
    assert_eq!(run(&mut layer, at(60_000)), [(32_012, "client ended".to_owned())]);
}

#[test]
fn every_2xx_and_its_repeats_reach_the_user() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    for (status, reaches) in [(180, true), (200, true), (200, true), (180, false), (486, false)] {
        let received = answer(&mut layer, &invite, status, at(8));
        assert_eq!(received, reaches.then_some(id), "{status}");
    }
    assert_eq!(effects(&mut layer), [""; 0], "the ACK for a 2xx is the user's");
    assert_eq!(run(&mut layer, at(60_000)), [(32_008, "client ended".to_owned())]);
    assert_eq!(answer(&mut layer, &invite, 200, at(60_000)), None);
}

#[test]
fn a_final_response_reaches_the_user_once() {
    let mut layer = layer();
    let (id, options) = send(&mut layer, "OPTIONS", udp(), at(0));
    assert_eq!(answer(&mut layer, &options, 100, at(100)), Some(id));
    assert_eq!(answer(&mut layer, &options, 200, at(200)), Some(id));
    assert_eq!(answer(&mut layer, &options, 200, at(300)), None);
    assert_eq!(run(&mut layer, at(60_000)), [(5_200, "client ended".to_owned())]);
}

#[test]
fn over_tcp_a_final_response_ends_it_at_once() {
    let mut layer = layer();
    let (id, options) = send(&mut layer, "OPTIONS", tcp(), at(0));
    assert_eq!(answer(&mut layer, &options, 200, at(1)), Some(id));
    assert_eq!(effects(&mut layer), ["client ended"]);
    let (id, invite) = send(&mut layer, "INVITE", tcp(), at(0));
    assert_eq!(answer(&mut layer, &invite, 404, at(1)), Some(id));
    assert_eq!(effects(&mut layer), ["ACK to 192.0.2.10:40000", "client ended"]);
    assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
}

#[test]
fn a_request_that_cannot_be_sent_is_reported() {
    for flow in [udp(), tcp()] {
        let mut layer = layer();
        let branch = layer.new_branch();
        let via = format!("SIP/2.0/UDP 192.0.2.1;branch={branch}");
        let bytes = RequestSketch::new("OPTIONS", "sip:bob@example.com").via(&via).bytes();
        layer.request(branch, Method::Options, bytes, flow, at(0)).unwrap();
        let (_, ticket) = sent(&mut layer);
        layer.transport_failed(ticket, at(1));
        assert_eq!(effects(&mut layer), ["client failed", "client ended"]);
        layer.transport_failed(ticket, at(2));
        assert_eq!(effects(&mut layer), [""; 0]);
        assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
    }
}

#[test]
fn an_ack_that_cannot_be_sent_is_no_second_outcome() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    assert_eq!(answer(&mut layer, &invite, 486, at(1)), Some(id));
    let (_, ticket) = sent(&mut layer);
    layer.transport_failed(ticket, at(2));
    assert_eq!(effects(&mut layer), ["client ended"]);
}
