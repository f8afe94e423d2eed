//! What reading, forwarding and answering an INVITE cost.
//!
//! `cargo bench -p offhook-sip-message`

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, counter::BytesCount};
use offhook_sip_message::{
    HeaderName, Index, Limits, Message, Request, ResponseBuilder, StatusCode,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler<std::alloc::System> = AllocProfiler::system();

const INVITE: &[u8] = b"INVITE sip:1002@pbx.offhook.example:5060;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.7:5066;branch=z9hG4bK8f2c61d04a9e;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Front Desk\" <sip:1001@pbx.offhook.example>;tag=d41f7a90c2\r\n\
To: <sip:1002@pbx.offhook.example>\r\n\
Call-ID: 7b1e55f0-3c9a-4d2e-9a57-5c0b2f6d8e13\r\n\
CSeq: 20871 INVITE\r\n\
Contact: <sip:1001@192.0.2.7:5066;transport=udp>;+sip.ice\r\n\
Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO\r\n\
Supported: replaces, timer, path, outbound, gruu\r\n\
User-Agent: Deskphone 4.12.3 (build 20260114)\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 264\r\n\
\r\n\
v=0\r\n\
o=frontdesk 38712204 38712204 IN IP4 192.0.2.7\r\n\
s=calls\r\n\
c=IN IP4 192.0.2.7\r\n\
t=0 0\r\n\
m=audio 20180 RTP/AVP 9 8 0 101\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-15\r\n\
a=ptime:20\r\n\
a=sendrecv\r\n";

fn main() {
    divan::main();
}

fn request() -> Request {
    match Message::parse(Bytes::from_static(INVITE), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        Ok(Message::Response(_)) | Err(_) => unreachable!("the INVITE above is a request"),
    }
}

fn remote() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 23], 41_022))
}

/// Line ends and header names.
#[divan::bench(sample_size = 500, sample_count = 400)]
fn index(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    bencher
        .counter(BytesCount::of_slice(INVITE))
        .bench(|| Index::scan(black_box(INVITE), black_box(&limits)));
}

/// What every message goes through: the index and the check of the mandatory headers.
#[divan::bench(sample_size = 500, sample_count = 400)]
fn parse(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let bytes = Bytes::from_static(INVITE);
    bencher
        .counter(BytesCount::of_slice(INVITE))
        .bench(|| Message::parse(black_box(&bytes).clone(), black_box(&limits)));
}

/// `parse`, then the request line and eight headers as values.
#[divan::bench(sample_size = 500, sample_count = 400)]
fn typed(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    let bytes = Bytes::from_static(INVITE);
    bencher.counter(BytesCount::of_slice(INVITE)).bench(|| {
        let message = Message::parse(black_box(&bytes).clone(), black_box(&limits));
        if let Ok(Message::Request(request)) = &message {
            black_box((request.method(), request.uri()));
            for via in request.vias() {
                black_box(&via);
            }
            black_box((request.from(), request.to(), request.call_id(), request.cseq()));
            for contact in request.contacts() {
                black_box(&contact);
            }
            _ = black_box((request.max_forwards(), request.content_length()));
        }
        message
    });
}

/// What a record-routing proxy changes.
#[divan::bench(sample_size = 50, sample_count = 2000)]
fn forward(bencher: Bencher<'_, '_>) {
    let request = request();
    bencher.counter(BytesCount::of_slice(INVITE)).bench(|| {
        let mut copy = black_box(&request).edit();
        copy.stamp_top_via(remote());
        copy.push_first(
            HeaderName::Via,
            b"SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK00000000c41d.0",
        );
        copy.push_first(HeaderName::RecordRoute, b"<sip:198.51.100.1:5060;lr;f=QWxhZGRpbjpvcGVu>");
        copy.replace(HeaderName::MaxForwards, b"69");
        copy.set_request_uri(b"sip:1002@203.0.113.9:5072;transport=udp");
        copy.finish()
    });
}

/// A 200 with a To tag, a Contact and an SDP body.
#[divan::bench(sample_size = 50, sample_count = 2000)]
fn answer(bencher: Bencher<'_, '_>) {
    let request = request();
    let sdp = request.body_bytes();
    bencher.bench(|| {
        ResponseBuilder::new(black_box(&request), StatusCode::OK, remote())
            .to_tag(b"8c1f00e2")
            .header(HeaderName::Contact, b"<sip:1002@203.0.113.9:5072>")
            .body(b"application/sdp", &sdp)
            .finish()
    });
}
