//! Server transactions: where responses go, what is repeated, and when it ends.

use super::*;

const URI: &str = "sip:bob@example.com";

#[test]
fn a_response_goes_back_by_the_rules_of_rport() {
    let mut layer = layer();
    for (number, (via, transport, to)) in [
        ("SIP/2.0/UDP 10.0.0.1:5062;rport", Transport::Udp, "192.0.2.10:40000"),
        ("SIP/2.0/UDP 10.0.0.1:5062", Transport::Udp, "192.0.2.10:5062"),
        ("SIP/2.0/UDP phone.example.com", Transport::Udp, "192.0.2.10:5060"),
        ("SIP/2.0/UDP 10.0.0.1;maddr=198.51.100.9", Transport::Udp, "192.0.2.10:5060"),
        ("SIP/2.0/TCP 10.0.0.1:5062", Transport::Tcp, "192.0.2.10:40000"),
    ]
    .into_iter()
    .enumerate()
    {
        let via = format!("{via};branch=z9hG4bK{number}");
        let request = RequestSketch::new("OPTIONS", URI).via(&via).request();
        let id = open(&mut layer, &request, flow(transport), at(0));
        assert_eq!(layer.server_flow(id).unwrap().remote.to_string(), to);
        respond(&mut layer, id, &request, 200, at(1));
        assert_eq!(effects(&mut layer)[0], format!("200 to {to}"), "{via}");
    }
}

#[test]
fn the_latest_response_answers_a_repeated_invite() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    assert_eq!(receive(&mut layer, &invite, udp(), at(1)), Received::Retransmission);
    assert_eq!(effects(&mut layer), [""; 0]);
    for status in [100, 180, 183] {
        respond(&mut layer, id, &invite, status, at(2));
        assert_eq!(receive(&mut layer, &invite, udp(), at(3)), Received::Retransmission);
        let line = format!("{status} to 192.0.2.10:40000");
        assert_eq!(effects(&mut layer), [line.clone(), line]);
    }
}

#[test]
fn a_failed_invite_is_repeated_until_it_is_acknowledged() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 486, at(0));
    effects(&mut layer);
    let repeats: Vec<_> =
        [500, 1_500, 3_500].map(|at| (at, "486 to 192.0.2.10:40000".into())).into();
    assert_eq!(run(&mut layer, at(4_000)), repeats);
    let ack = RequestSketch::new("ACK", URI).request();
    assert_eq!(receive(&mut layer, &ack, udp(), at(4_000)), Received::AckAbsorbed(id));
    assert_eq!(run(&mut layer, at(60_000)), [(9_000, "server ended".to_owned())]);
    assert_eq!((layer.open_server(), layer.next_deadline()), (0, None));
}

#[test]
fn without_an_ack_a_failed_invite_ends_by_timer_h() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 486, at(0));
    effects(&mut layer);
    let events = run(&mut layer, at(60_000));
    assert_eq!(events.len(), 12);
    assert_eq!(
        events[10..],
        [(32_000, "server timed out".to_owned()), (32_000, "server ended".to_owned())]
    );
    assert_eq!(layer.counters().retransmissions, 10);
}

#[test]
fn several_2xx_pass_down_and_repeated_invites_are_absorbed() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 200, at(0));
    respond(&mut layer, id, &invite, 200, at(1_000));
    respond(&mut layer, id, &invite, 486, at(1_000));
    assert_eq!(receive(&mut layer, &invite, udp(), at(2_000)), Received::Retransmission);
    assert_eq!(effects(&mut layer), ["200 to 192.0.2.10:40000"; 2]);
    assert_eq!(run(&mut layer, at(60_000)), [(32_000, "server ended".to_owned())]);
}

#[test]
fn a_final_answer_is_repeated_for_as_long_as_its_request_may_come_again() {
    let mut layer = layer();
    let options = RequestSketch::new("OPTIONS", URI).request();
    let id = open(&mut layer, &options, udp(), at(0));
    respond(&mut layer, id, &options, 200, at(0));
    let (first, _) = sent(&mut layer);
    receive(&mut layer, &options, udp(), at(31_000));
    assert_eq!(sent(&mut layer).0, first);
    assert_eq!(run(&mut layer, at(60_000)), [(32_000, "server ended".to_owned())]);
    assert_ne!(open(&mut layer, &options, udp(), at(60_000)), id);
}

#[test]
fn over_tcp_an_answered_request_is_over_at_once() {
    let mut layer = layer();
    let options = RequestSketch::new("OPTIONS", URI).request();
    let id = open(&mut layer, &options, tcp(), at(0));
    respond(&mut layer, id, &options, 200, at(0));
    assert_eq!(effects(&mut layer), ["200 to 192.0.2.10:40000", "server ended"]);
    respond(&mut layer, id, &options, 200, at(1));
    assert_eq!(effects(&mut layer), [""; 0], "an id that has ended has no effect");
    assert_eq!((layer.open_server(), layer.next_deadline()), (0, None));
}

#[test]
fn a_silent_user_of_a_non_invite_request_is_spoken_for() {
    let mut layer = layer();
    let options = RequestSketch::new("OPTIONS", URI).request();
    open(&mut layer, &options, udp(), at(0));
    layer.handle_timeout(at(3_500));
    let (trying, _) = sent(&mut layer);
    let trying = messages::response(trying);
    assert_eq!(trying.status(), StatusCode::TRYING);
    assert_eq!(trying.call_id(), options.call_id());
    assert_eq!(trying.top_via().branch(), options.top_via().branch());
    assert_eq!(trying.top_via().rport(), Some(Some(40_000)));
    assert_eq!(receive(&mut layer, &options, udp(), at(4_000)), Received::Retransmission);
    assert_eq!(sent(&mut layer).0, *trying.bytes());
    assert_eq!(
        run(&mut layer, at(60_000)),
        [(32_000, "server timed out".to_owned()), (32_000, "server ended".to_owned())]
    );
}

#[test]
fn a_408_to_a_non_invite_request_is_not_sent() {
    let mut layer = layer();
    let options = RequestSketch::new("OPTIONS", URI).request();
    let id = open(&mut layer, &options, udp(), at(0));
    respond(&mut layer, id, &options, 408, at(0));
    assert_eq!(receive(&mut layer, &options, udp(), at(500)), Received::Retransmission);
    assert_eq!(effects(&mut layer), [""; 0]);
    assert_eq!(run(&mut layer, at(60_000)), [(32_000, "server ended".to_owned())]);
}

#[test]
fn a_response_whose_connection_broke_is_sent_over_a_new_one_once() {
    let mut layer = layer();
    let via = "SIP/2.0/TCP phone.example.com:5062;branch=z9hG4bKx1";
    let invite = RequestSketch::new("INVITE", URI).via(via).request();
    let id = open(&mut layer, &invite, tcp(), at(0));
    respond(&mut layer, id, &invite, 486, at(0));
    let (response, ticket) = sent(&mut layer);
    layer.transport_failed(ticket, at(1));
    let Some(Effect::Transmit { flow, bytes, ticket }) = layer.poll() else { panic!("nothing") };
    assert_eq!((flow.connection, flow.remote.to_string().as_str()), (None, "192.0.2.10:5062"));
    assert_eq!(bytes, response);
    layer.transport_failed(ticket, at(2));
    assert_eq!(effects(&mut layer), ["server failed"]);
    assert_eq!(
        run(&mut layer, at(60_000)),
        [(32_000, "server timed out".to_owned()), (32_000, "server ended".to_owned())]
    );
    layer.transport_failed(ticket, at(60_000));
    assert_eq!(effects(&mut layer), [""; 0], "a late failure finds nothing");
}

#[test]
fn a_failed_udp_response_is_reported() {
    let mut layer = layer();
    let invite = RequestSketch::new("INVITE", URI).request();
    let id = open(&mut layer, &invite, udp(), at(0));
    respond(&mut layer, id, &invite, 180, at(0));
    let (_, ticket) = sent(&mut layer);
    layer.transport_failed(ticket, at(1));
    assert_eq!(effects(&mut layer), ["server failed"]);
    respond(&mut layer, id, &invite, 486, at(2));
    assert_eq!(effects(&mut layer), ["486 to 192.0.2.10:40000"], "the transaction goes on");
}
