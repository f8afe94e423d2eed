//! The *ng* media-control protocol: how a SIP server tells a media relay about calls.
//!
//! Wire form: one UDP datagram holds a cookie, one space, and a bencoded dictionary
//! ([`Frame`]). The cookie pairs a reply with its command and reveals retransmissions. Typed
//! commands and replies ([`Command`], [`Reply`]) are what a program works with; both are encoded
//! and decoded here, so one crate serves the relay and the SIP server that drives a relay.
//!
//! The names of keys and flags are those of rtpengine, so that either side can be replaced by it.
//! Keys may be spelled with spaces or hyphens. A key or flag that this crate does not know is
//! ignored; one that is known and asks for something that is not available is listed in
//! [`Options::unavailable`], from which the relay makes the reply's warning.

mod bencode;
mod command;
mod command_codec;
mod error;
mod flags;
mod frame;
mod reply;
mod reply_codec;

pub use bencode::{BencodeLimits, Dictionary, Value};
pub use command::{
    AddressFamily, Command, Delete, Exchange, Ice, Learning, List, Options, Query, Replace, RtcpMux,
};
pub use error::{BencodeError, CommandError, FrameError, ReplyError};
pub use frame::{Frame, MAX_COOKIE_BYTES, MAX_DATAGRAM_BYTES};
pub use reply::{Counters, MediaReport, Reply, Report, StreamReport, TagReport, Totals};
