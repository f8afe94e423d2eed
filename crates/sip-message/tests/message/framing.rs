//! Messages out of streams.

use crate::samples::{INVITE, options};
use bytes::Bytes;
use offhook_sip_message::{Frame, FramingError, Limits, StreamFramer};
use proptest::prelude::*;

/// All frames of a stream that comes in these pieces, and the error that ends it.
fn frames<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> (Vec<Frame>, Option<FramingError>) {
    let mut framer = StreamFramer::new(limits);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn whole(stream: &str) -> (Vec<Frame>, Option<FramingError>) {
    frames([stream.as_bytes()], &Limits::default())
}

fn message(text: &str) -> Frame {
    Frame::Message(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn messages_and_keep_alives() {
    let short = options("l: 0\r\n", "");
    let folded = options("Content-Length\t:\r\n 3\r\n", "a\r\n");
    let stream = format!("\r\n\r\n{INVITE}{short}\r\n{folded}\r\n\r\n\r\n");
    let (found, error) = whole(&stream);
    assert_eq!(error, None);
    assert_eq!(
        found,
        [
            Frame::Pong,
            Frame::Ping,
            message(INVITE),
            message(&short),
            Frame::Pong,
            message(&folded),
            Frame::Pong,
            Frame::Ping,
            Frame::Pong,
        ]
    );
}

#[test]
fn errors_stay() {
    for (stream, expected) in [
        (options("", ""), FramingError::MissingContentLength),
        (options("Content-Length: x\r\n", ""), FramingError::MalformedContentLength),
        (options("Content-Length: -5\r\n", ""), FramingError::MalformedContentLength),
        (options("l: 1\r\nl: 1\r\n", "a"), FramingError::RepeatedContentLength),
        (options("l: 65535\r\n", ""), FramingError::MessageTooLarge),
        (options("l: 4294967295\r\n", ""), FramingError::MessageTooLarge),
        ("x".repeat(70_000), FramingError::MessageTooLarge),
        (format!("{}\r\n", "X: y\r\n".repeat(11_000)), FramingError::MessageTooLarge),
    ] {
        let mut framer = StreamFramer::new(&Limits::default());
        framer.push(stream.as_bytes());
        assert_eq!(framer.next(), Err(expected));
        framer.push(INVITE.as_bytes());
        assert_eq!(framer.next(), Err(expected));
        assert_eq!(framer.unread(), stream.as_bytes());
    }
}

#[test]
fn bare_line_feeds() {
    let limits = Limits { accept_bare_lf: true, ..Limits::default() };
    let text = options("l: 1\r\n", "a").replace("\r\n", "\n");
    let stream = format!("\n\n{text}\n");
    let (found, error) = frames([stream.as_bytes()], &limits);
    assert_eq!(error, None);
    assert_eq!(found, [Frame::Pong, Frame::Ping, message(&text), Frame::Pong]);
}

/// Pieces of streams: sound, odd and broken.
fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(INVITE.as_bytes().to_vec()),
        2 => Just(options("l: 4\r\n", "\r\n\r\n").into_bytes()),
        3 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\n\n".to_vec()),
        1 => Just(options("", "").into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn chunking_does_not_matter(
        parts in proptest::collection::vec(part(), 0..8),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
        accept_bare_lf in any::<bool>(),
    ) {
        let limits = Limits { max_message_bytes: 1500, accept_bare_lf, ..Limits::default() };
        let stream = parts.concat();
        let mut ends: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
        ends.push(stream.len());
        ends.sort_unstable();
        let mut start = 0;
        let pieces: Vec<&[u8]> = ends.iter().map(|&end| {
            let piece = &stream[start..end];
            start = end;
            piece
        }).collect();
        let at_once = frames([stream.as_slice()], &limits);
        let cut = frames(pieces, &limits);
        let single = frames(stream.chunks(1), &limits);
        prop_assert_eq!(&at_once, &cut);
        prop_assert_eq!(&at_once, &single);
    }
}
