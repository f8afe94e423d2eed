//! Packets in, packets out.

use super::*;

#[test]
fn rtp_and_rtcp_go_both_ways_and_are_counted() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    for _ in 0..3 {
        let out = bench.packet(facing_caller, "10.0.0.1:4000", &RTP);
        assert_eq!(out, to(facing_callee, "10.0.0.2:5000"));
    }
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "10.0.0.1:4000"));
    let out = bench.packet(facing_callee + 1, "10.0.0.2:5001", &RTCP);
    assert_eq!(out, to(facing_caller + 1, "10.0.0.1:4001"));

    let report = bench.query();
    assert_eq!((report.totals.rtp.packets, report.totals.rtp.bytes), (4, 4 * 172));
    assert_eq!((report.totals.rtcp.packets, report.totals.rtcp.bytes), (1, 28));
    let [caller, callee] = report.tags.as_slice() else { panic!("{report:?}") };
    assert_eq!((caller.tag.as_ref(), callee.tag.as_ref()), (b"a".as_slice(), b"b".as_slice()));
    assert_eq!(caller.in_dialogue_with.as_deref(), Some(b"b".as_slice()));
    let stream = &caller.medias[0].streams[0];
    assert_eq!((stream.local_port, stream.stats.packets), (Some(facing_caller), 3));
    assert_eq!(stream.endpoint, Some(address("10.0.0.1:4000")));
    assert_eq!(stream.last_packet_s, 1000);
    assert!(stream.flags.iter().any(|flag| flag == "confirmed"));
}

#[test]
fn a_third_address_cannot_take_part() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    assert!(bench.packet(facing_caller, "10.0.0.1:4000", &RTP).is_some());
    for from in ["198.51.100.7:4000", "10.0.0.1:4444", "198.51.100.7:9"] {
        assert_eq!(bench.packet(facing_caller, from, &RTP), None);
    }
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "10.0.0.1:4000"));
    assert_eq!(bench.query().totals.rtp.errors, 3);
    assert_eq!(bench.relay.stats().strangers, 3);
}

#[test]
fn a_phone_behind_a_nat_is_found_and_its_rtcp_beside_it() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("192.168.1.5:4000", "10.0.0.2:5000");
    assert!(bench.packet(facing_caller, "203.0.113.9:61000", &RTP).is_some());
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "203.0.113.9:61000"));
    let out = bench.packet(facing_callee + 1, "10.0.0.2:5001", &RTCP);
    assert_eq!(out, to(facing_caller + 1, "203.0.113.9:61001"));
    // The NAT gave RTCP another port.
    assert!(bench.packet(facing_caller + 1, "203.0.113.9:62222", &RTCP).is_some());
    let out = bench.packet(facing_callee + 1, "10.0.0.2:5001", &RTCP);
    assert_eq!(out, to(facing_caller + 1, "203.0.113.9:62222"));
}

#[test]
fn the_address_of_the_sip_message_may_count_for_that_of_the_sdp() {
    let mut bench = Bench::new();
    let mut offer = exchange("a", None, &sdp("192.168.1.5:4000"));
    offer.options.received_from = Some([203, 0, 113, 9].into());
    offer.options.sip_source_address = true;
    let facing_callee = port(&bench.body(Command::Offer(Box::new(offer))));
    let facing_caller = port(&bench.answer("a", "b", &sdp("10.0.0.2:5000")));
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "203.0.113.9:4000"));
}

#[test]
fn hold_and_resume_keep_what_was_learnt() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("192.168.1.5:4000", "10.0.0.2:5000");
    assert!(bench.packet(facing_caller, "203.0.113.9:61000", &RTP).is_some());
    // An old-style hold: the zero address passes through, and no packet goes to the holder.
    let held = bench.offer("a", Some("b"), &sdp("0.0.0.0:4000"));
    assert!(held.contains("c=IN IP4 0.0.0.0\r\n") && port(&held) == facing_callee, "{held}");
    bench.answer("a", "b", &sdp_with("10.0.0.2:5000", "a=recvonly\r\n"));
    assert_eq!(bench.packet(facing_callee, "10.0.0.2:5000", &RTP), None);
    assert!(bench.packet(facing_caller, "203.0.113.9:61000", &RTP).is_some());
    bench.offer("a", Some("b"), &sdp("192.168.1.5:4000"));
    bench.answer("a", "b", &sdp("10.0.0.2:5000"));
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "203.0.113.9:61000"));
}

#[test]
fn early_media_pass_before_the_answer() {
    let mut bench = Bench::new();
    let facing_callee = port(&bench.offer("a", None, &sdp("10.0.0.1:4000")));
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out.map(|(_, to)| to), Some(address("10.0.0.1:4000")));
    // The callee has not said where it wants packets.
    let facing_caller = out.map(|(port, _)| port).expect("port");
    assert_eq!(bench.packet(facing_caller, "10.0.0.1:4000", &RTP), None);
    assert_eq!(bench.relay.stats().consumed, 1);
}

#[test]
fn only_media_are_passed_on() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    let stun = [[0, 1].as_slice(), &[0; 18]].concat();
    for packet in [b"".as_slice(), b"\r\n\r\n", &stun, &RTP[..11], &RTCP[..7]] {
        assert_eq!(bench.packet(facing_caller, "10.0.0.1:4000", packet), None);
    }
    assert_eq!(bench.packet(facing_caller + 1, "10.0.0.1:4001", &RTP), None);
    let zrtp = [[0x10, 0].as_slice(), &[0; 40]].concat();
    assert!(bench.packet(facing_caller, "10.0.0.1:4000", &zrtp).is_some());
    // RTCP on the port of RTP is passed on as what it is.
    let out = bench.packet(facing_caller, "10.0.0.1:4000", &RTCP);
    assert_eq!(out, to(facing_callee + 1, "10.0.0.2:5001"));
    let stats = bench.relay.stats();
    assert_eq!((stats.malformed, stats.consumed, stats.packets), (3, 3, 2));
}

#[test]
fn unknown_sockets_take_nothing() {
    let mut bench = Bench::new();
    for index in [0, 1, 7, u32::MAX] {
        let key = SocketKey::from_index(index);
        assert_eq!(bench.relay.handle_packet(key, address("10.0.0.1:1"), &RTP, bench.now), None);
    }
}
