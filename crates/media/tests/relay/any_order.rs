//! Commands, packets and time in any order: nothing panics, and no port is lost or used twice.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Offer { from: usize, to: Option<usize>, body: usize },
    Answer { from: usize, to: usize, body: usize },
    Delete { from: Option<usize> },
    Packet { socket: usize, from: u16, kind: usize },
    Wait { seconds: u64 },
}

const TAGS: [&str; 4] = ["a", "b", "c", "d"];

const BODIES: [&str; 8] = [
    "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n",
    "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n",
    "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/SAVP 0\r\nm=video 4002 RTP/AVP 99\r\n",
    "v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 0 RTP/AVP 0\r\nm=video 65535 RTP/AVP 99\r\n",
    "v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::7\r\na=rtcp:0 IN IP4 10.0.0.3\r\n",
    "v=0\r\nc=IN IP4 host.example\r\nm=image 4000 udptl t38\r\nm=message 9 TCP/MSRP *\r\n",
    "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 20000 RTP/AVP 0\r\n",
    "v=0\r\nm=audio x RTP/AVP 0\r\n",
];

const PACKETS: [&[u8]; 5] = [&RTP, &RTCP, b"", b"\0\x01stun", b"\x16dtls-or-so-it-seems"];

fn step() -> impl Strategy<Value = Step> {
    let tag = || 0..TAGS.len();
    let body = || 0..BODIES.len();
    prop_oneof![
        (tag(), prop::option::of(tag()), body()).prop_map(|(from, to, body)| Step::Offer {
            from,
            to,
            body
        }),
        (tag(), tag(), body()).prop_map(|(from, to, body)| Step::Answer { from, to, body }),
        prop::option::of(tag()).prop_map(|from| Step::Delete { from }),
        (0..24_usize, 3999..4002_u16, 0..PACKETS.len())
            .prop_map(|(socket, from, kind)| Step::Packet { socket, from, kind }),
        (0..100_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn play(bench: &mut Bench, step: Step) {
    let text = |index: usize| Bytes::from_static(TAGS[index].as_bytes());
    match step {
        Step::Offer { from, to, body } => {
            let offer = exchange(TAGS[from], to.map(|to| TAGS[to]), BODIES[body]);
            bench.execute(Command::Offer(Box::new(offer)));
        }
        Step::Answer { from, to, body } => {
            let answer = exchange(TAGS[from], Some(TAGS[to]), BODIES[body]);
            bench.execute(Command::Answer(Box::new(answer)));
        }
        Step::Delete { from } => {
            bench.delete(|delete| delete.from_tag = from.map(text));
        }
        Step::Packet { socket, from, kind } => {
            let key = SocketKey::from_index(u32::try_from(socket).expect("small"));
            let from = SocketAddr::from(([10, 0, 0, 1], from));
            let forward = bench.relay.handle_packet(key, from, PACKETS[kind], bench.now);
            if let Some(forward) = forward {
                assert!(bench.sockets.values().any(|open| *open == forward.socket));
                assert!(forward.to.port() != 0 && !forward.to.ip().is_unspecified());
            }
        }
        Step::Wait { seconds } => bench.wait(Duration::from_secs(seconds)),
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_relay(steps in prop::collection::vec(step(), 0..60)) {
        let mut bench = Bench::new();
        for step in steps {
            play(&mut bench, step);
            let stats = bench.relay.stats();
            prop_assert_eq!(bench.sockets.len() as u64, stats.streams * 4);
        }
        bench.delete(|_| {});
        prop_assert!(bench.sockets.is_empty());
        prop_assert_eq!(bench.relay.stats().streams, 0);
        bench.wait(Duration::from_secs(4000));
        prop_assert_eq!(bench.relay.next_deadline(), None);
    }
}
