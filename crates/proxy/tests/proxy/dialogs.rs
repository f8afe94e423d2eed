//! Requests within a dialog, which find their way by what their Route says alone (RFC 3261 sections
//! 16.4 and 16.12, RFC 5626 section 5).

use offhook_proxy::AuthPolicy;
use offhook_sip_core::flow_token::FlowTokens;
use offhook_sip_message::{Flow, HeaderName, Transport};
use offhook_testkit::messages::RequestSketch;
use offhook_testkit::{Dialog, ReplySketch};

use crate::support::*;

#[test]
fn every_method_passes_in_both_directions() {
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "MESSAGE", "PRACK", "ODD"]
    {
        let (mut lab, mut call) = Lab::talking();
        let to_bob = lab.send_in(&mut call.alice, method, udp(ALICE));
        assert_eq!(to_bob.last().unwrap(), &format!("{method} to bob"));
        let forwarded = lab.request_to(BOB, method);
        assert_eq!(forwarded.uri().raw(), b"sip:bob@192.0.2.20:5060");
        assert!(!forwarded.has(HeaderName::Route));
        let to_alice = lab.send_in(&mut call.bob, method, udp(BOB));
        assert_eq!(to_alice.last().unwrap(), &format!("{method} to alice"));
        assert_eq!(lab.request_to(ALICE, method).uri().raw(), b"sip:alice@192.0.2.10");
    }
}

/// The token in the Route is the proof; a password is asked once, at the INVITE.
#[test]
fn they_need_no_password() {
    let (mut lab, mut call) = Lab::talking();
    lab.config = {
        let mut config = (*lab.config).clone();
        config.auth = AuthPolicy::Digest;
        config.into()
    };
    lab.restart();
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["200 BYE to alice"]);
    lab.ends_empty();
}

#[test]
fn they_pass_after_a_restart() {
    for transport in ["udp", "nat", "tcp"] {
        let (mut lab, mut call, flows) = connected(transport);
        lab.restart();
        let (alice, bob) = flows;
        let to_bob = lab.send_in(&mut call.alice, "INVITE", alice);
        assert!(to_bob[1].starts_with("INVITE to "), "{transport}: {to_bob:?}");
        assert_eq!(lab.sent.last().unwrap().flow, bob, "{transport}");
        lab.send_in(&mut call.bob, "BYE", bob);
        assert_eq!(lab.sent.last().unwrap().flow, alice, "{transport}");
    }
}

/// A call between phones that are both reached in one way, and their flows.
fn connected(transport: &str) -> (Lab, Call, (Flow, Flow)) {
    let mut lab = Lab::new();
    let (alice, bob) = match transport {
        "nat" => (udp(NAT), udp("203.0.113.7:41000")),
        "tcp" => (tcp("192.0.2.10:5060", 11), tcp("192.0.2.20:5060", 12)),
        _ => (udp(ALICE), udp(BOB)),
    };
    let mut phone = target(BOB);
    (phone.flow, phone.behind_nat) = (Some(bob), transport == "nat");
    lab.give_bob(vec![phone]);
    let sketch = if transport == "tcp" { invite_by_tcp() } else { invite() };
    let host = bob.remote.to_string();
    let call = lab.connect(&sketch, alice, &host);
    (lab, call, (alice, bob))
}

/// What each kind of call is record-routed with: the transport parameter and the flow of each value,
/// the topmost (facing the callee) first.
#[test]
fn one_value_where_it_does_two_where_it_must() {
    let (near, far) = (udp(NAT), udp("203.0.113.7:41000"));
    let (tcp_near, tcp_far) = (tcp(ALICE, 11), tcp(BOB, 12));
    let plain = (udp(ALICE), udp(BOB));
    let table = [
        ("both by UDP", plain.0, plain.1, vec![("", None)]),
        ("caller behind a NAT", near, plain.1, vec![("", None), ("", Some(near))]),
        ("callee behind a NAT", plain.0, far, vec![("", Some(far)), ("", None)]),
        ("both behind a NAT", near, far, vec![("", Some(far)), ("", Some(near))]),
        ("caller by TCP", tcp_near, plain.1, vec![("", None), ("tcp", Some(tcp_near))]),
        ("callee by TCP", plain.0, tcp_far, vec![("tcp", Some(tcp_far)), ("", None)]),
        ("both by TCP", tcp_near, tcp_far, vec![("tcp", Some(tcp_far)), ("tcp", Some(tcp_near))]),
    ];
    let tokens = FlowTokens::new(TOKEN_KEY);
    for (name, caller, callee, expected) in table {
        let mut lab = Lab::new();
        let mut phone = target(BOB);
        (phone.flow, phone.behind_nat) = (Some(callee), callee == far);
        lab.give_bob(vec![phone]);
        let sketch = if caller.transport == Transport::Tcp { invite_by_tcp() } else { invite() };
        lab.send(&sketch, caller);
        let forwarded = lab.request_to(&callee.remote.to_string(), "INVITE");
        let values: Vec<_> = forwarded
            .record_routes()
            .map(|value| {
                let uri = value.unwrap().uri;
                assert!(uri.is_loose_router());
                let transport = uri.params.value("transport").unwrap_or_default();
                let transport = String::from_utf8_lossy(transport).into_owned();
                (transport, tokens.open(uri.user.unwrap(), forwarded.call_id()).unwrap())
            })
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(transport, flow)| (transport.to_owned(), flow)).collect();
        assert_eq!(values, expected, "{name}");
    }
}

#[test]
fn a_party_behind_a_nat_or_on_a_connection_is_reached_by_its_flow() {
    let (mut lab, mut call, (alice, bob)) = connected("nat");
    assert_eq!(lab.send_in(&mut call.bob, "BYE", bob), ["BYE to nat"]);
    assert_eq!(lab.sent.last().unwrap().flow, alice);
    let (mut lab, mut call, (_, bob)) = connected("tcp");
    let lines = lab.send_in(&mut call.bob, "BYE", bob);
    assert_eq!(lines, ["BYE to alice by TCP connection 11"]);
    // The connection is gone: a new one is opened to the Contact, by UDP as that says.
    assert_eq!(lab.fail_last_send(), ["BYE to alice"]);
    assert_eq!(lab.answer(ALICE, "BYE", 200), ["200 BYE to bob by TCP connection 12"]);
}

#[test]
fn a_change_of_target_is_record_routed_again() {
    let (mut lab, mut call) = Lab::talking();
    lab.send_in(&mut call.bob, "INVITE", udp(BOB));
    assert_eq!(lab.request_to(ALICE, "INVITE").record_routes().count(), 1);
    for _ in 0..2 {
        assert_eq!(lab.answer(ALICE, "INVITE", 200), ["200 INVITE to bob"]);
    }
    assert_eq!(lab.send_in(&mut call.bob, "ACK", udp(BOB)), ["ACK to alice"]);
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert_eq!(lab.answer(BOB, "BYE", 200), ["200 BYE to alice"]);
    assert_eq!(lab.proxy.calls().count(), 0);
    lab.ends_empty();
}

#[test]
fn version_6_addresses_are_written_in_brackets() {
    let six = |address: &str| Flow {
        local: "[2001:db8::1]:5060".parse().unwrap(),
        remote: address.parse().unwrap(),
        ..udp(ALICE)
    };
    let (alice, bob) = ("[2001:db8::a]:5060", "[2001:db8::b]:5060");
    let mut lab = Lab::with(|config| {
        config.interfaces = offhook_proxy::Interfaces::new(vec![offhook_proxy::Interface {
            transport: Transport::Udp,
            local: "[2001:db8::1]:5060".parse().unwrap(),
            advertised: "[2001:db8::1]:5060".into(),
            advertised_port: 5060,
        }])
        .into();
        let addresses = ["2001:db8::1".parse().unwrap()];
        config.domains = offhook_sip_core::Domains::new(addresses, ["example.com"], []).into();
    });
    let mut phone = target(bob);
    phone.flow = Some(six(bob));
    lab.give_bob(vec![phone]);
    let sketch = invite().via(&format!("SIP/2.0/UDP {alice};branch=z9hG4bKsix"));
    let mut call = lab.connect(&sketch, six(alice), bob);
    let forwarded = lab.request_to(bob, "INVITE");
    assert_eq!(forwarded.top_via().host.ip(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(lab.send_in(&mut call.alice, "BYE", six(alice)), [format!("BYE to {bob}")]);
    assert_eq!(lab.sent.last().unwrap().flow, six(bob));
}

/// Proxies of others are in the path on both sides.
#[test]
fn further_routes_are_followed() {
    let mut lab = Lab::new();
    let sketch = invite().header("Record-Route", "<sip:192.0.2.30;lr>");
    lab.send(&sketch, udp(CAROL));
    let received = lab.request_to(BOB, "INVITE");
    // Bob's own proxy, which rewrites the host into a name.
    let reply = ReplySketch::new(&received, 200).contact("sip:bob@10.9.9.9").bytes();
    let reply = String::from_utf8_lossy(&reply).replacen(
        "Record-Route",
        "Record-Route: <sip:192.0.2.22;lr>\r\nRecord-Route",
        1,
    );
    let response = offhook_testkit::messages::response(reply.into());
    lab.hand(offhook_proxy::Input::Response { response });
    let mut alice = Dialog::of_caller(&lab.response_to(CAROL));
    // Between alice and us there is one proxy, which has taken its own value out.
    alice.routes.remove(0);
    assert_eq!(lab.send_in(&mut alice, "ACK", udp(CAROL)), ["ACK to bob3"]);
    let ack = lab.request_to(BOB3, "ACK");
    assert_eq!(ack.uri().raw(), b"sip:bob@10.9.9.9");
    assert_eq!(ack.header(HeaderName::Route), Some(&b"<sip:192.0.2.22;lr>"[..]));
    let mut bob = Dialog::of_callee(&received, "b1");
    assert_eq!(lab.send_in(&mut bob, "BYE", udp(BOB3)), ["BYE to carol"]);
    let bye = lab.request_to(CAROL, "BYE");
    assert_eq!(bye.uri().raw(), b"sip:alice@192.0.2.10");
    assert_eq!(bye.header(HeaderName::Route), Some(&b"<sip:192.0.2.30;lr>"[..]));
}

/// RFC 3261 section 16.12.1.2: the next hop stands in the Request-URI, the target ends the Route.
#[test]
fn strict_routers_before_and_behind_us_are_served() {
    // Before us: our value has come as the Request-URI.
    for (alice, single) in [(udp(ALICE), true), (udp(NAT), false)] {
        let mut lab = Lab::new();
        let mut call = lab.connect(&invite(), alice, BOB);
        let target = std::mem::replace(&mut call.alice.target, call.alice.routes.remove(0));
        call.alice.target = call.alice.target.replace(['<', '>'], "");
        call.alice.routes.push(format!("<{target}>"));
        assert_eq!(call.alice.routes.len(), if single { 1 } else { 2 });
        assert_eq!(lab.send_in(&mut call.alice, "BYE", alice), ["BYE to bob"]);
        let bye = lab.request_to(BOB, "BYE");
        assert_eq!(bye.uri().raw(), b"sip:bob@192.0.2.20:5060");
        assert!(!bye.has(HeaderName::Route));
    }
    // Behind us.
    let (mut lab, mut call) = Lab::talking();
    call.alice.routes.push("<sip:192.0.2.22>".into());
    call.alice.routes.push("<sip:192.0.2.30;lr>".into());
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob3"]);
    let bye = lab.request_to(BOB3, "BYE");
    assert_eq!(bye.uri().raw(), b"sip:192.0.2.22");
    let routes: Vec<&[u8]> = bye.values(HeaderName::Route).collect();
    assert_eq!(routes, [&b"<sip:192.0.2.30;lr>"[..], b"<sip:bob@192.0.2.20:5060>"]);
    // A token in the Request-URI with nothing behind it, or of another call, leads nowhere.
    for (call_id, status) in [("call-1@192.0.2.10", 404), ("another-call", 403)] {
        let (mut lab, mut call) = Lab::talking();
        call.alice.target = call.alice.routes.remove(0).replace(['<', '>'], "");
        call.alice.call_id = call_id.into();
        if status == 403 {
            call.alice.routes.push("<sip:victim@203.0.113.9>".into());
        }
        let lines = lab.send_in(&mut call.alice, "BYE", udp(EVE));
        assert_eq!(lines, [format!("{status} BYE to eve")]);
    }
}

/// A proxy that came to us by TCP is answered by that connection, whatever its Record-Route says.
#[test]
fn the_flow_to_a_proxy_is_used_too() {
    let mut lab = Lab::new();
    let sketch = invite_by_tcp().header("Record-Route", "<sip:10.0.0.1;transport=tcp;lr>");
    lab.send(&sketch, tcp(NAT, 5));
    let mut bob = Dialog::of_callee(&lab.request_to(BOB, "INVITE"), "b1");
    let lines = lab.send_in(&mut bob, "BYE", udp(BOB));
    assert_eq!(lines, ["BYE to nat by TCP connection 5"]);
    let bye = lab.request_to(NAT, "BYE");
    assert_eq!(bye.header(HeaderName::Route), Some(&b"<sip:10.0.0.1;transport=tcp;lr>"[..]));
}

/// Without a valid token for this very call nothing leaves the platform.
#[test]
fn a_token_that_is_not_ours_opens_nothing() {
    let (lab, call) = Lab::talking();
    let good = call.alice.routes[0].clone();
    let foreign = FlowTokens::new([8; 32]).seal(None, call.alice.call_id.as_bytes());
    let flow = FlowTokens::new([8; 32]).seal(Some(&udp(EVE)), call.alice.call_id.as_bytes());
    let table = [
        ("no route", vec![]),
        ("no token", vec!["<sip:192.0.2.1:5060;lr>".to_owned()]),
        ("nonsense", vec!["<sip:AAAAAAAAAAAAAAAAAA@192.0.2.1:5060;lr>".into()]),
        ("made with another key", vec![format!("<sip:{foreign}@192.0.2.1:5060;lr>")]),
        ("a flow made up", vec![format!("<sip:{flow}@192.0.2.1:5060;lr>")]),
        ("a changed token", vec![good.replacen("sip:", "sip:A", 1)]),
        ("a token on another host", vec![good.replace("192.0.2.1", "203.0.113.9")]),
        ("another's route first", vec!["<sip:203.0.113.9;lr>".into(), good.clone()]),
    ];
    drop(lab);
    for (name, routes) in table {
        for method in ["BYE", "INVITE", "MESSAGE", "UPDATE"] {
            let (mut lab, mut call) = Lab::talking();
            call.alice.routes.clone_from(&routes);
            call.alice.target = "sip:victim@203.0.113.9".into();
            let lines = lab.send_in(&mut call.alice, method, udp(EVE));
            assert_eq!(lines, [format!("403 {method} to eve")], "{name}");
        }
    }
    // The right token in another call.
    let (mut lab, mut call) = Lab::talking();
    call.alice.call_id = "another-call".into();
    call.alice.target = "sip:victim@203.0.113.9".into();
    assert_eq!(lab.send_in(&mut call.alice, "INVITE", udp(EVE)), ["403 INVITE to eve"]);
}

/// Who has been called knows a token for the call. It is good for that dialog, not for new ones.
#[test]
fn a_token_without_a_to_tag_is_no_authentication() {
    let (mut lab, call) = Lab::talking();
    lab.config = {
        let mut config = (*lab.config).clone();
        config.auth = AuthPolicy::Digest;
        config.into()
    };
    lab.restart();
    let fresh = |uri: &str| {
        RequestSketch::new("INVITE", uri)
            .via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKfresh")
            .call_id(&call.alice.call_id)
            .header("Route", &call.bob.routes[0])
    };
    let lines = lab.send(&fresh("sip:carol@example.com"), udp(BOB));
    assert_eq!(lines, ["100 INVITE to bob", "407 INVITE to bob"]);
    let elsewhere = fresh("sip:carol@elsewhere.net").cseq(2);
    assert_eq!(lab.send(&elsewhere, udp(BOB)), ["403 INVITE to bob"]);
}

/// A phone on the platform's own host is told from the platform by its port.
#[test]
fn a_contact_on_our_own_host_is_a_peer() {
    let mut lab = Lab::new();
    let phone = "192.0.2.1:5080";
    lab.give_bob(vec![target(phone)]);
    let mut call = lab.connect(&invite(), udp(ALICE), phone);
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), [format!("BYE to {phone}")]);
}

/// A Contact that is an address of record of ours, as some gateways have it, is looked up.
#[test]
fn a_contact_that_is_a_user_of_ours_is_looked_up() {
    let (mut lab, mut call) = Lab::talking();
    call.alice.target = "sip:bob@example.com".into();
    lab.give_bob(vec![target(BOB2)]);
    assert_eq!(lab.send_in(&mut call.alice, "INFO", udp(ALICE)), ["INFO to bob2"]);
}

/// Two interfaces: each side sees the one that faces it.
#[test]
fn each_side_is_shown_its_own_interface() {
    let inside = |address: &str| -> Flow {
        Flow { local: "10.0.0.1:5060".parse().unwrap(), ..udp(address) }
    };
    let mut lab = Lab::with(|config| {
        let interface = |local: &str, advertised: &str| offhook_proxy::Interface {
            transport: Transport::Udp,
            local: local.parse().unwrap(),
            advertised: advertised.into(),
            advertised_port: 5060,
        };
        let interfaces = vec![
            interface("192.0.2.1:5060", "sip.example.com:5060"),
            interface("10.0.0.1:5060", "10.0.0.1:5060"),
        ];
        config.interfaces = offhook_proxy::Interfaces::new(interfaces).into();
        let addresses = ["192.0.2.1", "10.0.0.1"].map(|ip| ip.parse().unwrap());
        let names = ["example.com", "sip.example.com"];
        config.domains = offhook_sip_core::Domains::new(addresses, names, []).into();
    });
    let mut phone = target("10.0.0.20:5060");
    (phone.flow, phone.behind_nat) = (Some(inside("10.0.0.20:5060")), true);
    lab.give_bob(vec![phone]);
    let mut call = lab.connect(&invite(), udp(ALICE), "10.0.0.20:5060");
    let forwarded = lab.request_to("10.0.0.20:5060", "INVITE");
    let hosts: Vec<String> =
        forwarded.record_routes().map(|value| value.unwrap().uri.host.to_string()).collect();
    assert_eq!(hosts, ["10.0.0.1", "sip.example.com"]);
    lab.send_in(&mut call.alice, "BYE", udp(ALICE));
    assert_eq!(lab.sent.last().unwrap().flow, inside("10.0.0.20:5060"));
    assert!(!lab.request_to("10.0.0.20:5060", "BYE").has(HeaderName::Route));
}
