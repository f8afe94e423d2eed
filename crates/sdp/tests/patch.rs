//! What patches do to bodies, and what they leave alone.

use std::net::IpAddr;

use offhook_sdp::{Description, Limits, Patch};
use proptest::prelude::*;

fn patched(text: &str, change: impl FnOnce(&Description<'_>, &mut Patch<'_, '_>)) -> String {
    let description = Description::parse(text.as_bytes(), &Limits::default()).expect("body");
    let mut patch = Patch::new(&description);
    change(&description, &mut patch);
    String::from_utf8(patch.finish()).expect("text")
}

fn relay() -> IpAddr {
    [192, 0, 2, 1].into()
}

#[test]
fn rewrites_addresses_and_ports() {
    let text = "v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
                m=audio 4000/2 RTP/AVP 0\r\na=rtcp:4005 IN IP4 10.0.0.9\r\nz=odd\r\n\
                m=video 4002 RTP/AVP 99\r\nc=IN IP4 10.0.0.2/127\r\n";
    let out = patched(text, |description, patch| {
        patch.set_origin_address(relay());
        patch.set_session_connection(relay());
        for media in description.media() {
            patch.set_connection(media, relay());
            patch.set_port(media, 20_000);
            patch.set_rtcp(media, 20_001, relay());
        }
    });
    let expected = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=x\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                    m=audio 20000 RTP/AVP 0\r\na=rtcp:20001 IN IP4 192.0.2.1\r\nz=odd\r\n\
                    m=video 20000 RTP/AVP 99\r\nc=IN IP4 192.0.2.1\r\n";
    assert_eq!(out, expected);
}

#[test]
fn turns_ipv4_into_ipv6() {
    let text = "v=0\no=- 1 2 IN IP4 10.0.0.1\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\n";
    let out = patched(text, |_, patch| {
        let address = "2001:db8::1".parse().expect("address");
        patch.set_origin_address(address);
        patch.set_session_connection(address);
    });
    let expected =
        "v=0\no=- 1 2 IN IP6 2001:db8::1\nc=IN IP6 2001:db8::1\nm=audio 4000 RTP/AVP 0\n";
    assert_eq!(out, expected);
}

#[test]
fn adds_and_removes_rtcp_mux_and_rtcp() {
    let with = "v=0\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:4001\r\na=ptime:20\r\n";
    let out = patched(with, |description, patch| {
        patch.set_rtcp_mux(&description.media()[0], false);
        patch.remove_rtcp(&description.media()[0]);
    });
    assert_eq!(out, "v=0\r\nm=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n");
    let out = patched("v=0\nm=audio 4000 RTP/AVP 0", |description, patch| {
        patch.set_rtcp_mux(&description.media()[0], true);
    });
    assert_eq!(out, "v=0\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n");
    let out = patched("v=0\r\nm=audio 4000 RTP/AVP 0\r\na=candidate:1", |description, patch| {
        patch.remove_ice();
        patch.set_rtcp_mux(&description.media()[0], true);
    });
    assert_eq!(out, "v=0\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n");
}

#[test]
fn gives_a_medium_its_own_connection() {
    let text = "v=0\nc=IN IP4 10.0.0.1\nm=audio 1 RTP/AVP 0\ni=talk\nb=AS:64\nm=text 2 RTP/AVP 0\n";
    let out = patched(text, |description, patch| {
        patch.insert_connection(&description.media()[0], None);
        patch.insert_connection(&description.media()[1], Some(relay()));
    });
    let expected = "v=0\nc=IN IP4 10.0.0.1\nm=audio 1 RTP/AVP 0\ni=talk\nc=IN IP4 10.0.0.1\n\
                    b=AS:64\nm=text 2 RTP/AVP 0\nc=IN IP4 192.0.2.1\n";
    assert_eq!(out, expected);
}

#[test]
fn removes_ice_and_bundles_only() {
    let text = "v=0\r\na=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=ice-options:trickle\r\n\
                m=audio 9 RTP/AVP 0\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=mid:0\r\n\
                a=candidate:1 1 UDP 1 10.0.0.1 4000 typ host\r\na=end-of-candidates\r\n";
    let out = patched(text, |_, patch| patch.remove_ice());
    assert_eq!(out, "v=0\r\na=group:LS 0 1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n");
}

/// Bodies that parse more often than chance would have it.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "v=0",
        "o=- 1 1 IN IP4 10.0.0.1",
        "o=- 1",
        "s=-",
        "c=IN IP4 10.0.0.1",
        "c=IN IP6 ::1",
        "c=IN IP4 h.example",
        "c=IN",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
        "m=video 5000/2 RTP/SAVP 96",
        "m=image 6000 udptl t38",
        "m=x",
        "a=rtcp:4001",
        "a=rtcp:4001 IN IP4 10.0.0.1",
        "a=rtcp",
        "a=rtcp-mux",
        "a=sendonly",
        "a=inactive",
        "a=candidate:1",
        "a=group:BUNDLE 0",
        "a=",
        "b=AS:1",
        "i=x",
        "",
        "x",
    ]);
    let end = prop::sample::select(vec!["\r\n", "\n", "\r", ""]);
    prop::collection::vec((line, end), 0..20).prop_map(|lines| {
        let text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
        format!("v=0\r\n{text}").into_bytes()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(
        text in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), body()]
    ) {
        let Ok(description) = Description::parse(&text, &Limits::default()) else { return Ok(()) };
        prop_assert_eq!(Patch::new(&description).finish(), text.clone());
        let mut patch = Patch::new(&description);
        patch.remove_ice();
        patch.set_origin_address(relay());
        for media in description.media() {
            let _ = description.direction_of(media);
            patch.insert_connection(media, Some(relay()));
            patch.set_connection(media, relay());
            patch.set_port(media, 9);
            patch.set_rtcp(media, 10, relay());
            patch.set_rtcp_mux(media, !media.rtcp_mux());
        }
        patch.set_session_connection(relay());
        let out = patch.finish();
        let again = Description::parse(&out, &Limits::default());
        let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again.media().len(), description.media().len());
        for (before, after) in description.media().iter().zip(again.media()) {
            prop_assert_eq!(after.port(), 9);
            prop_assert_eq!(after.rtcp_mux(), !before.rtcp_mux());
            let host = again.connection_of(after).map(|connection| connection.host().reachable());
            prop_assert_eq!(host, Some(Some(relay())));
        }
    }
}
