//! What is read out of bodies.

use offhook_sdp::{Description, Direction, Host, Limits, Protocol, RtcpAttribute, SdpError};

const TWO_MEDIA: &[u8] = b"v=0\r\n\
o=alice 2890844526 2890844526 IN IP4 host.example.com\r\n\
s=-\r\n\
c=IN IP4 10.0.0.1\r\n\
t=0 0\r\n\
a=sendonly\r\n\
m=audio 49170 RTP/AVP 0 8\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtcp:53020\r\n\
a=sendrecv\r\n\
m=video 51372/2 RTP/SAVPF 99\r\n\
c=IN IP6 2001:db8::5\r\n\
a=rtcp:53022 IN IP4 126.16.64.4\r\n\
a=rtcp-mux\r\n\
m=image 0 udptl t38\r\n\
m=message 2855 TCP/MSRP *\r\n";

fn parse(text: &[u8]) -> Result<Description<'_>, SdpError> {
    Description::parse(text, &Limits::default())
}

#[test]
fn reads_session_and_media() {
    let description = parse(TWO_MEDIA).expect("body");
    let [audio, video, image, message] = description.media() else { panic!("four media") };
    assert_eq!((audio.port(), audio.protocol()), (49170, Protocol::Rtp));
    assert_eq!(audio.kind(TWO_MEDIA), b"audio");
    assert_eq!(audio.rtcp(), Some(RtcpAttribute { port: 53020, host: None }));
    assert_eq!(description.direction_of(audio), Direction::SendRecv);
    let host = description.connection_of(audio).expect("c= line").host();
    assert_eq!(host, Host::Address([10, 0, 0, 1].into()));

    assert_eq!((video.port(), video.protocol()), (51372, Protocol::SecureRtp));
    assert_eq!(video.protocol_name(TWO_MEDIA), b"RTP/SAVPF");
    assert!(video.rtcp_mux() && !audio.rtcp_mux());
    let rtcp = video.rtcp().and_then(|rtcp| rtcp.host);
    assert_eq!(rtcp, Some(Host::Address([126, 16, 64, 4].into())));
    assert_eq!(description.direction_of(video), Direction::SendOnly);

    assert_eq!((image.port(), image.protocol()), (0, Protocol::Udp));
    assert_eq!((message.port(), message.protocol()), (2855, Protocol::Other));
}

#[test]
fn tolerates_bare_line_ends_and_missing_lines() {
    let description = parse(b"v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 rtp/avp 0\n\n").expect("body");
    let host = description.connection().expect("c= line").host();
    assert!(host.is_unspecified() && host.reachable().is_none());
    assert_eq!(description.media()[0].protocol(), Protocol::Rtp);
    assert!(parse(b"v=0").is_ok());
}

#[test]
fn takes_a_domain_name_for_what_it_is() {
    let description = parse(b"v=0\r\nc=IN IP4 media.example.com\r\n").expect("body");
    assert_eq!(description.connection().map(|connection| connection.host()), Some(Host::Name));
}

#[test]
fn says_which_line_is_wrong() {
    for (text, expected) in [
        ("", SdpError::Empty),
        ("\r\n\r\n", SdpError::Empty),
        ("v=1\r\n", SdpError::Version),
        ("o=- 1 1 IN IP4 1.2.3.4\r\n", SdpError::Version),
        ("v=0\r\nhello\r\n", SdpError::NotALine { line: 2 }),
        ("v=0\r\n\r\ns=-\r\n", SdpError::NotALine { line: 2 }),
        ("v=0\r\no=- 1 IN IP4 1.2.3.4\r\n", SdpError::Origin { line: 2 }),
        ("v=0\r\nc=IN IP4\r\n", SdpError::Connection { line: 2 }),
        ("v=0\r\nc=IN IP4 1.2.3.400\r\n", SdpError::Connection { line: 2 }),
        ("v=0\r\nc=IN IP9 1.2.3.4\r\n", SdpError::Connection { line: 2 }),
        ("v=0\r\nm=audio 4000 RTP/AVP\r\n", SdpError::Media { line: 2 }),
        ("v=0\r\nm=audio 70000 RTP/AVP 0\r\n", SdpError::Media { line: 2 }),
        ("v=0\r\nm=audio -1 RTP/AVP 0\r\n", SdpError::Media { line: 2 }),
        ("v=0\r\nm=audio 1 RTP/AVP 0\r\na=rtcp:x\r\n", SdpError::Rtcp { line: 3 }),
    ] {
        assert_eq!(parse(text.as_bytes()).err(), Some(expected), "{text:?}");
    }
}

#[test]
fn holds_to_the_limits() {
    let limits = Limits { max_bytes: 100, max_lines: 4, max_media: 1 };
    let media = "m=audio 1 RTP/AVP 0\r\n";
    for (text, expected) in [
        ("v=0\r\n".repeat(50), SdpError::TooLong),
        (format!("v=0\r\n{}", "a=x\r\n".repeat(4)), SdpError::TooManyLines { line: 5 }),
        (format!("v=0\r\n{media}{media}"), SdpError::TooManyMedia { line: 3 }),
    ] {
        assert_eq!(Description::parse(text.as_bytes(), &limits).err(), Some(expected));
    }
}
