//! RFC 3261 section 9: CANCEL on both sides.

use super::*;

#[test]
fn a_cancel_is_made_of_its_invite() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    answer(&mut layer, &invite, 180, at(1));
    layer.cancel(id, at(2));
    let (cancel, _) = sent(&mut layer);
    let branch = String::from_utf8_lossy(invite.top_via().branch().unwrap()).into_owned();
    let expected = format!(
        "CANCEL sip:bob@192.0.2.20:5070;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:bob@example.com>\r\n\
         Call-ID: call-1@192.0.2.10\r\n\
         CSeq: 1 CANCEL\r\n\
         Route: <sip:p1.example.com;lr>\r\n\
         Route: <sip:p2.example.com;lr>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(text(&cancel), expected);
    layer.cancel(id, at(3));
    assert_eq!(effects(&mut layer), [""; 0], "once is enough");
}

#[test]
fn a_cancel_before_any_response_waits_for_one() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    layer.cancel(id, at(1));
    assert_eq!(effects(&mut layer), [""; 0]);
    assert_eq!(run(&mut layer, at(500)), [(500, "INVITE to 192.0.2.10:40000".to_owned())]);
    assert_eq!(answer(&mut layer, &invite, 100, at(600)), Some(id));
    assert_eq!(effects(&mut layer), ["CANCEL to 192.0.2.10:40000"]);
}

#[test]
fn the_answer_to_our_cancel_stays_here_and_the_487_does_not() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    answer(&mut layer, &invite, 180, at(0));
    layer.cancel(id, at(0));
    let (cancel, _) = sent(&mut layer);
    let cancel = messages::request(cancel);
    assert_eq!(answer(&mut layer, &cancel, 200, at(100)), None);
    assert_eq!(layer.counters().stray_responses, 0);
    assert_eq!(answer(&mut layer, &invite, 487, at(200)), Some(id));
    assert_eq!(effects(&mut layer), ["ACK to 192.0.2.10:40000"]);
    assert_eq!(run(&mut layer, at(60_000)), [(32_200, "client ended".to_owned())]);
    assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
}

#[test]
fn a_cancelled_invite_without_a_final_response_is_given_up() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    answer(&mut layer, &invite, 180, at(0));
    layer.cancel(id, at(1_000));
    let (cancel, _) = sent(&mut layer);
    answer(&mut layer, &messages::request(cancel), 200, at(1_100));
    let events = run(&mut layer, at(60_000));
    assert_eq!(
        events,
        [(33_000, "client timed out".to_owned()), (33_000, "client ended".to_owned())]
    );
}

#[test]
fn an_unanswered_cancel_is_repeated_and_its_end_is_nobodys_business() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    answer(&mut layer, &invite, 180, at(0));
    layer.cancel(id, at(0));
    effects(&mut layer);
    answer(&mut layer, &invite, 200, at(100));
    let events = run(&mut layer, at(60_000));
    let (cancels, end) = events.split_at(10);
    assert!(cancels.iter().all(|(_, what)| what == "CANCEL to 192.0.2.10:40000"));
    assert_eq!(end, [(32_100, "client ended".to_owned())]);
    assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
}

#[test]
fn the_200_that_crosses_the_cancel_reaches_the_user() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", tcp(), at(0));
    answer(&mut layer, &invite, 180, at(0));
    layer.cancel(id, at(0));
    let (cancel, _) = sent(&mut layer);
    assert_eq!(answer(&mut layer, &invite, 200, at(10)), Some(id));
    assert_eq!(answer(&mut layer, &messages::request(cancel), 481, at(20)), None);
    assert_eq!(run(&mut layer, at(60_000)), [(32_012, "client ended".to_owned())]);
}

#[test]
fn the_answer_to_a_cancel_finds_it_after_its_invite_has_ended() {
    let mut layer = layer();
    let (id, invite) = send(&mut layer, "INVITE", tcp(), at(0));
    answer(&mut layer, &invite, 180, at(0));
    layer.cancel(id, at(0));
    let (cancel, _) = sent(&mut layer);
    answer(&mut layer, &invite, 487, at(10));
    assert_eq!(effects(&mut layer), ["ACK to 192.0.2.10:40000", "client ended"]);
    assert_eq!(layer.open_client(), 1);
    answer(&mut layer, &messages::request(cancel), 200, at(20));
    assert_eq!((layer.open_client(), layer.next_deadline()), (0, None));
}

#[test]
fn other_requests_and_ended_invites_are_not_cancelled() {
    let mut layer = layer();
    let (options, _) = send(&mut layer, "OPTIONS", udp(), at(0));
    layer.cancel(options, at(1));
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    answer(&mut layer, &invite, 200, at(1));
    layer.cancel(id, at(2));
    assert_eq!(effects(&mut layer), [""; 0]);
}

#[test]
fn a_cancel_that_comes_in_names_its_invite() {
    let mut layer = layer();
    let uri = "sip:bob@example.com";
    let cancel = RequestSketch::new("CANCEL", uri).request();
    let Received::Cancel { cancel: first, invite: None } =
        receive(&mut layer, &cancel, udp(), at(0))
    else {
        panic!("not a CANCEL of nothing")
    };
    respond(&mut layer, first, &cancel, 481, at(0));
    let other = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKother;rport";
    let invite = RequestSketch::new("INVITE", uri).via(other).request();
    let cancel = RequestSketch::new("CANCEL", uri).via(other).request();
    let id = open(&mut layer, &invite, udp(), at(1));
    let Received::Cancel { cancel: second, invite: Some(cancelled) } =
        receive(&mut layer, &cancel, udp(), at(2))
    else {
        panic!("not a CANCEL of the INVITE")
    };
    assert_eq!(cancelled, id);
    effects(&mut layer);
    respond(&mut layer, second, &cancel, 200, at(3));
    respond(&mut layer, id, &invite, 487, at(3));
    assert_eq!(receive(&mut layer, &cancel, udp(), at(4)), Received::Retransmission);
    let to = "192.0.2.10:40000";
    assert_eq!(
        effects(&mut layer),
        [format!("200 to {to}"), format!("487 to {to}"), format!("200 to {to}")]
    );
}
