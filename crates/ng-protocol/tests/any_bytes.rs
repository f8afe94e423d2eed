//! No bytes make the decoders panic, and what is encoded decodes to itself.

use bytes::Bytes;
use offhook_ng_protocol::{BencodeLimits, Command, Dictionary, Frame, Reply, Value};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value<'static>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let leaf = prop_oneof![
        bytes().prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<i64>().prop_map(Value::Integer),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            prop::collection::btree_map(bytes(), inner, 0..8).prop_map(|entries| {
                let mut dictionary = Dictionary::new();
                for (key, value) in entries {
                    dictionary.insert(key, value);
                }
                Value::Dictionary(dictionary)
            }),
        ]
    })
}

/// Bytes that look like bencode more often than chance would have it.
fn bencode_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "d",
        "l",
        "e",
        "i",
        "1:a",
        "0:",
        "7:command",
        "5:offer",
        "6:answer",
        "7:call-id",
        "3:sdp",
        "8:from-tag",
        "5:flags",
        "6:result",
        "2:ok",
        "4:tags",
        "99:",
        "-",
        "3",
        ":",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(
        bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..256), bencode_like()]
    ) {
        let bytes = Bytes::from(bytes);
        let limits = BencodeLimits::default();
        let _ = Value::decode(&bytes, &limits);
        let _ = Command::decode(&bytes, &limits);
        let _ = Reply::decode(&bytes, &limits);
        if let Ok(frame) = Frame::parse(bytes.clone()) {
            prop_assert_eq!(frame.encode(), bytes);
        }
    }

    #[test]
    fn values_survive_the_wire(value in value()) {
        let mut document = Vec::new();
        value.encode(&mut document);
        prop_assert_eq!(Value::decode(&document, &BencodeLimits::default()), Ok(value));
    }
}
