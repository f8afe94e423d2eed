//! How sessions end, and that nothing is left of them.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn delete_closes_everything_and_reports() {
    let mut bench = Bench::new();
    let (facing_caller, _) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    bench.packet(facing_caller, "10.0.0.1:4000", &RTP);
    let reply = bench.delete(|delete| {
        delete.from_tag = Some("b".into());
        delete.to_tag = Some("a".into());
    });
    let Reply::Report { report, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(report.totals.rtp.packets, 1);
    assert!(bench.sockets.is_empty());
    let [(EndReason::Deleted, summary)] = bench.ended.as_slice() else { panic!("one end") };
    assert_eq!((summary.from_caller.packets, summary.answered), (1, true));
    assert_eq!(bench.relay.calls().count(), 0);
    // Whatever still comes finds nothing.
    let key = SocketKey::from_index(0);
    assert_eq!(bench.relay.handle_packet(key, address("10.0.0.1:4000"), &RTP, bench.now), None);
}

#[test]
fn delete_spares_what_it_does_not_mean() {
    let mut bench = Bench::new();
    let mut offer = exchange("a", None, &sdp("10.0.0.1:4000"));
    offer.via_branch = Some("z9hG4bK1".into());
    bench.body(Command::Offer(Box::new(offer)));
    bench.answer("a", "b", &sdp("10.0.0.2:5000"));
    let warning = Some("Call-ID not found or tags didn't match");
    assert_eq!(bench.delete(|delete| delete.call_id = "x".into()).warning(), warning);
    assert_eq!(bench.delete(|delete| delete.from_tag = Some("z".into())).warning(), warning);
    assert_eq!(bench.delete(|delete| delete.via_branch = Some("other".into())).warning(), warning);
    let honouring = bench.delete(|delete| {
        delete.from_tag = Some("a".into());
        delete.to_tag = Some("z".into());
        delete.honour_to_tag = true;
    });
    assert_eq!(honouring.warning(), warning);
    let fatal = bench.delete(|delete| {
        delete.call_id = "x".into();
        delete.fatal = true;
    });
    assert!(matches!(fatal, Reply::Error { .. }));
    assert_eq!(bench.relay.stats().sessions, 1);
    let meant = bench.delete(|delete| {
        delete.from_tag = Some("a".into());
        delete.to_tag = Some("z".into());
        delete.via_branch = Some("z9hG4bK1".into());
        delete.fast = true;
    });
    assert_eq!(meant, Reply::ok());
    assert_eq!(bench.relay.stats().sessions, 0);
}

#[test]
fn silence_ends_a_call() {
    let mut bench = Bench::new();
    let (facing_caller, _) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    for _ in 0..5 {
        bench.wait(50 * SECOND);
        assert!(bench.packet(facing_caller, "10.0.0.1:4000", &RTP).is_some());
    }
    bench.wait(59 * SECOND);
    assert!(bench.ended.is_empty());
    bench.wait(SECOND);
    assert!(matches!(bench.ended.as_slice(), [(EndReason::Idle, _)]));
    assert!(bench.sockets.is_empty() && bench.relay.next_deadline().is_none());
    assert_eq!(bench.relay.stats().timeouts, 1);
}

#[test]
fn hold_is_allowed_more_silence() {
    let mut bench = Bench::new();
    bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    bench.offer("a", Some("b"), &sdp_with("10.0.0.1:4000", "a=sendonly\r\n"));
    bench.answer("a", "b", &sdp_with("10.0.0.2:5000", "a=recvonly\r\n"));
    bench.wait(3599 * SECOND);
    assert!(bench.ended.is_empty());
    bench.wait(SECOND);
    assert!(matches!(bench.ended.as_slice(), [(EndReason::Idle, _)]));
}

#[test]
fn a_refused_medium_does_not_shorten_a_hold() {
    let mut bench = Bench::new();
    let video = |port| format!("m=video {port} RTP/AVP 99\r\n");
    let with_video = |at, lines: &str, port| sdp_with(at, &format!("{lines}{}", video(port)));
    bench.offer("a", None, &with_video("10.0.0.1:4000", "a=sendonly\r\n", 4002));
    bench.answer("a", "b", &with_video("10.0.0.2:5000", "a=recvonly\r\n", 0));
    bench.wait(600 * SECOND);
    assert!(bench.ended.is_empty());
}

#[test]
fn an_offer_waits_for_its_answer() {
    let mut bench = Bench::new();
    bench.offer("a", None, &sdp("10.0.0.1:4000"));
    bench.wait(599 * SECOND);
    assert!(bench.ended.is_empty());
    bench.wait(SECOND);
    assert!(matches!(bench.ended.as_slice(), [(EndReason::Unanswered, _)]));
}

#[test]
fn draining_refuses_new_calls_only() {
    let mut bench = Bench::new();
    bench.offer("a", None, &sdp("10.0.0.1:4000"));
    bench.relay.drain();
    bench.answer("a", "b", &sdp("10.0.0.2:5000"));
    bench.offer("a", Some("b"), &sdp("10.0.0.1:4002"));
    let mut new = exchange("x", None, &sdp("10.0.0.1:4000"));
    new.call_id = "other".into();
    let reply = bench.execute(Command::Offer(Box::new(new)));
    assert!(matches!(reply, Reply::LoadLimit { .. }), "{reply:?}");
    bench.relay.end_all();
    bench.drain();
    assert!(bench.sockets.is_empty());
}
