//! SDP in, SDP out.

use offhook_ng_protocol::{AddressFamily, Ice};

use super::*;

#[test]
fn both_sides_get_the_relay_and_all_else_is_kept() {
    let mut bench = Bench::new();
    let offer = "v=0\r\no=alice 1 2 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
                 a=x-unknown:1\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtcp:4001\r\n\
                 a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    let expected = "v=0\r\no=alice 1 2 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    a=x-unknown:1\r\nm=audio 20002 RTP/AVP 0 101\r\na=rtcp:20003\r\n\
                    a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    assert_eq!(bench.offer("a", None, offer), expected);
    assert_eq!(bench.answer("a", "b", &sdp("10.0.0.2:5000")), {
        let rewritten = sdp("192.0.2.1:20000");
        rewritten.replacen("IP4 192.0.2.1", "IP4 10.0.0.2", 1)
    });
    let mut replace_origin = exchange("a", Some("b"), &sdp("10.0.0.1:4000"));
    replace_origin.options.replace.origin = true;
    let out = bench.body(Command::Offer(Box::new(replace_origin)));
    assert_eq!(out, sdp("192.0.2.1:20002"));
}

#[test]
fn repeated_and_later_offers_keep_their_ports() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    assert_eq!(port(&bench.offer("a", None, &sdp("10.0.0.1:4000"))), facing_callee);
    assert_eq!(port(&bench.offer("a", Some("b"), &sdp("10.0.0.1:4002"))), facing_callee);
    // The callee makes an offer of its own.
    assert_eq!(port(&bench.offer("b", Some("a"), &sdp("10.0.0.2:5002"))), facing_caller);
    assert_eq!(port(&bench.answer("b", "a", &sdp("10.0.0.1:4002"))), facing_callee);
    assert_eq!(bench.sockets.len(), 4);
    assert_eq!(bench.relay.stats().sessions, 1);
}

#[test]
fn the_callee_may_make_the_first_offer() {
    let mut bench = Bench::new();
    let facing_caller = port(&bench.offer("b", Some("a"), &sdp("10.0.0.2:5000")));
    let facing_callee = port(&bench.answer("b", "a", &sdp("10.0.0.1:4000")));
    let out = bench.packet(facing_callee, "10.0.0.2:5000", &RTP);
    assert_eq!(out, to(facing_caller, "10.0.0.1:4000"));
}

#[test]
fn the_last_fork_to_answer_is_the_party() {
    let mut bench = Bench::new();
    let (facing_caller, facing_callee) = bench.call("10.0.0.1:4000", "10.0.0.2:5000");
    assert!(bench.packet(facing_callee, "10.0.0.2:5000", &RTP).is_some());
    assert_eq!(port(&bench.answer("a", "c", &sdp("10.0.0.3:6000"))), facing_caller);
    let out = bench.packet(facing_caller, "10.0.0.1:4000", &RTP);
    assert_eq!(out, to(facing_callee, "10.0.0.3:6000"));
    assert!(bench.packet(facing_callee, "10.0.0.3:6000", &RTP).is_some());
    assert_eq!(bench.packet(facing_callee, "10.0.0.2:5000", &RTP), None);
    // The fork that lost says goodbye; the call goes on.
    let reply = bench.delete(|delete| {
        delete.from_tag = Some("b".into());
        delete.to_tag = Some("a".into());
    });
    assert!(reply.warning().is_some());
    assert_eq!(bench.relay.stats().sessions, 1);
}

#[test]
fn an_offer_that_comes_round_again_is_left_alone() {
    let mut bench = Bench::new();
    let once = bench.offer("a", None, &sdp("10.0.0.1:4000"));
    assert_eq!(bench.offer("a", None, &once), once);
    let back = bench.answer("a", "b", &sdp("10.0.0.2:5000"));
    assert_eq!(bench.answer("a", "b", &back), back);
    assert_eq!(bench.sockets.len(), 4);
}

#[test]
fn refused_and_foreign_media_keep_their_lines() {
    let mut bench = Bench::new();
    let offer = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n\
                 m=message 2855 TCP/MSRP *\r\nm=image 4100 udptl t38\r\n";
    let expected = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 20002 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n\
                    m=message 2855 TCP/MSRP *\r\nc=IN IP4 10.0.0.1\r\nm=image 20006 udptl t38\r\n";
    assert_eq!(bench.offer("a", None, offer), expected);
    let answer = "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n\
                  m=message 0 TCP/MSRP *\r\nm=image 0 udptl t38\r\n";
    let expected = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 20000 RTP/AVP 0\r\nm=video 0 RTP/AVP 99\r\n\
                    m=message 0 TCP/MSRP *\r\nm=image 0 udptl t38\r\n";
    assert_eq!(bench.answer("a", "b", answer), expected);
    // A later offer brings the video up.
    let offer = offer.replace("m=video 0", "m=video 4200");
    assert!(bench.offer("a", Some("b"), &offer).contains("m=video 20010 RTP/AVP 99"));
}

#[test]
fn ice_is_taken_out_and_what_cannot_be_done_is_said() {
    let mut bench = Bench::new();
    let ice = "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\n";
    let mut offer = exchange("a", None, &sdp_with("10.0.0.1:4000", ice));
    offer.options.ice = Ice::Force;
    offer.options.unavailable = vec!["ICE=force".into()];
    offer.options.transport_protocol = Some("RTP/SAVP".into());
    let reply = bench.execute(Command::Offer(Box::new(offer)));
    assert_eq!(reply.warning(), Some("Not available, ignored: ICE=force, transport-protocol"));
    let sdp = reply.sdp().expect("SDP");
    assert!(!sdp.windows(5).any(|bytes| bytes == b"a=ice" || bytes == b"a=can"));
}

#[test]
fn rtcp_mux_is_agreed_on_each_side() {
    let with_mux = |at| sdp_with(at, "a=rtcp-mux\r\na=rtcp:9999\r\n");
    let mut bench = Bench::new();
    let out = bench.offer("a", None, &with_mux("10.0.0.1:4000"));
    assert!(out.ends_with("a=rtcp-mux\r\na=rtcp:20003\r\n"), "{out}");
    let out = bench.answer("a", "b", &with_mux("10.0.0.2:5000"));
    assert!(out.ends_with("a=rtcp-mux\r\na=rtcp:20000\r\n"), "{out}");

    let mut bench = Bench::new();
    let mut offer = exchange("a", None, &with_mux("10.0.0.1:4000"));
    offer.options.rtcp_mux.demux = true;
    let out = bench.body(Command::Offer(Box::new(offer)));
    assert!(out.ends_with("RTP/AVP 0\r\na=rtcp:20003\r\n"), "{out}");
    let out = bench.answer("a", "b", &sdp("10.0.0.2:5000"));
    assert!(out.ends_with("a=rtcp-mux\r\n"), "{out}");
    // RTCP leaves the caller's single port, and enters the callee's second one.
    let out = bench.packet(20_000, "10.0.0.1:4000", &RTCP);
    assert_eq!(out, to(20_003, "10.0.0.2:5001"));
    let out = bench.packet(20_003, "10.0.0.2:5001", &RTCP);
    assert_eq!(out, to(20_000, "10.0.0.1:4000"));
}

#[test]
fn families_are_translated() {
    let mut bench = Bench::new();
    let mut offer = exchange("a", None, &sdp("10.0.0.1:4000"));
    offer.options.address_family = Some(AddressFamily::Ip6);
    let out = bench.body(Command::Offer(Box::new(offer)));
    assert!(out.contains("c=IN IP6 2001:db8::1\r\n"), "{out}");
    let facing_callee = port(&out);
    let out = bench.answer("a", "b", &sdp("[2001:db8::9]:5000"));
    assert!(out.contains("c=IN IP4 192.0.2.1\r\n"), "{out}");
    let out = bench.packet(port(&out), "10.0.0.1:4000", &RTP);
    assert_eq!(out, to(facing_callee, "[2001:db8::9]:5000"));
}

#[test]
fn commands_that_cannot_be_carried_out_say_why() {
    let mut bench = Bench::with(|config| {
        config.max_sessions = 1;
        config.max_media = 1;
    });
    let broken = Command::Offer(Box::new(exchange("a", None, "v=0\r\nm=audio\r\n")));
    let reason = "Failed to parse SDP: line 2: bad m= line";
    assert_eq!(bench.execute(broken), Reply::error(reason));
    let unknown = Command::Answer(Box::new(exchange("a", Some("b"), &sdp("10.0.0.1:4000"))));
    assert_eq!(bench.execute(unknown), Reply::error("Unknown call-ID"));
    let wide = sdp_with("10.0.0.1:4000", "m=video 4002 RTP/AVP 99\r\n");
    let wide = Command::Offer(Box::new(exchange("a", None, &wide)));
    assert_eq!(bench.execute(wide), Reply::error("Too many media in the SDP"));
    bench.offer("a", None, &sdp("10.0.0.1:4000"));
    let mut second = exchange("x", None, &sdp("10.0.0.1:4000"));
    second.call_id = "other".into();
    let reply = bench.execute(Command::Offer(Box::new(second)));
    assert!(matches!(reply, Reply::LoadLimit { .. }), "{reply:?}");
}

#[test]
fn ports_that_do_not_fit_are_handed_back() {
    let mut bench = Bench::new();
    let offer = Command::Offer(Box::new(exchange("a", None, &sdp("10.0.0.1:4000"))));
    let pair = |rtp, ipv6| PortPair { ipv6, rtp };
    for ports in [vec![], vec![pair(20_000, false)], vec![pair(20_000, true), pair(20_002, false)]]
    {
        let reply = bench.relay.execute(&offer, ports.clone(), bench.now);
        assert_eq!(reply, Reply::error("Not enough ports for the call"));
        for pair in ports {
            assert_eq!(bench.relay.poll_action(), Some(Action::Release { pair }));
        }
    }
    let ports = vec![pair(20_000, false), pair(20_002, false), pair(20_004, false)];
    assert!(bench.relay.execute(&offer, ports, bench.now).is_ok());
    let actions: Vec<_> = std::iter::from_fn(|| bench.relay.poll_action()).collect();
    assert_eq!(actions.last(), Some(&Action::Release { pair: pair(20_004, false) }));
}
