//! Full tables, and tables with a hundred thousand entries.

use super::*;

const URI: &str = "sip:bob@example.com";

fn small() -> Transactions {
    let capacity = Capacity { max_server: 2, max_client: 2, retry_after_s: 7 };
    Transactions::new(TimerConfig::default(), capacity, SEED)
}

fn numbered(method: &str, number: usize) -> RequestSketch {
    let via = format!("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{number};rport");
    RequestSketch::new(method, URI).via(&via)
}

#[test]
fn a_full_server_table_refuses_new_requests_without_state() {
    let mut layer = small();
    for number in 0..2 {
        open(&mut layer, &numbered("INVITE", number).request(), udp(), at(0));
    }
    let extra = numbered("INVITE", 2).request();
    assert_eq!(receive(&mut layer, &extra, udp(), at(1)), Received::Refused);
    let (refusal, _) = sent(&mut layer);
    let response = messages::response(refusal.clone());
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header_by_name("Retry-After"), Some(&b"7"[..]));
    assert_eq!(response.to().tag().map(<[u8]>::len), Some(16));
    assert_eq!(receive(&mut layer, &extra, udp(), at(2)), Received::Refused);
    assert_eq!(sent(&mut layer).0, refusal, "the same tag each time");
    assert_eq!(layer.counters().refused, 2);
    assert_eq!(receive(&mut layer, &numbered("ACK", 2).request(), udp(), at(3)), Received::Ack);
    assert_eq!(layer.open_server(), 2);
}

#[test]
fn a_full_server_table_still_takes_repeats_and_the_cancel_of_what_it_holds() {
    let mut layer = small();
    let ids =
        [0, 1].map(|number| open(&mut layer, &numbered("INVITE", number).request(), udp(), at(0)));
    let again = receive(&mut layer, &numbered("INVITE", 0).request(), udp(), at(1));
    assert_eq!(again, Received::Retransmission);
    let stranger = receive(&mut layer, &numbered("CANCEL", 9).request(), udp(), at(2));
    assert_eq!(stranger, Received::Refused);
    let cancel = receive(&mut layer, &numbered("CANCEL", 1).request(), udp(), at(3));
    assert!(matches!(cancel, Received::Cancel { invite, .. } if invite == Some(ids[1])));
}

#[test]
fn a_full_client_table_says_so_and_still_cancels() {
    let mut layer = small();
    let (id, invite) = send(&mut layer, "INVITE", udp(), at(0));
    send(&mut layer, "OPTIONS", udp(), at(0));
    answer(&mut layer, &invite, 180, at(1));
    layer.cancel(id, at(2));
    assert_eq!(effects(&mut layer), ["CANCEL to 192.0.2.10:40000"]);
    let branch = layer.new_branch();
    let refused = layer.request(branch, Method::Options, Bytes::from_static(b"x"), udp(), at(3));
    assert!(refused.is_err());
    assert_eq!(effects(&mut layer), [""; 0]);
    run(&mut layer, at(60_000));
    send(&mut layer, "OPTIONS", udp(), at(60_000));
}

/// Every operation on a table of 100,000 takes about the time that it takes on a small one: the whole
/// test would run for hours if one of them looked at each entry.
#[test]
fn a_hundred_thousand_transactions_on_each_side() {
    const MANY: usize = 100_000;
    let mut layer = layer();
    let template = text(&numbered("INVITE", 1_000_000).bytes());
    let request = |number: usize| {
        let number = format!("z9hG4bK{:07}", number);
        messages::request(template.replace("z9hG4bK1000000", &number).into())
    };
    let mut servers = Vec::with_capacity(MANY);
    let mut clients = Vec::with_capacity(MANY);
    let bytes = Bytes::from(template.clone());
    let requests: Vec<Request> = (0..MANY).map(request).collect();
    for request in &requests {
        servers.push(open(&mut layer, request, udp(), at(0)));
        let branch = layer.new_branch();
        let client = layer.request(branch, Method::Invite, bytes.clone(), udp(), at(0)).unwrap();
        clients.push((client, branch));
        layer.poll();
    }
    assert_eq!((layer.open_server(), layer.open_client()), (MANY, MANY));
    let response = text(&messages::response_to(&requests[0], 200, "b1"));
    for (number, (client, branch)) in clients.into_iter().enumerate() {
        let again = receive(&mut layer, &requests[number], udp(), at(100));
        assert_eq!(again, Received::Retransmission);
        let answer = response.replace("z9hG4bK0000000", &branch.to_string());
        let answer = messages::response(answer.into());
        assert_eq!(layer.receive_response(&answer, at(100)), Some(client));
        layer.respond(servers[number], StatusCode::OK, answer.bytes().clone(), at(100));
        layer.poll();
    }
    let ended = run(&mut layer, at(60_000));
    assert_eq!(ended.len(), 2 * MANY);
    assert_eq!((layer.open_server(), layer.open_client(), layer.next_deadline()), (0, 0, None));
}
