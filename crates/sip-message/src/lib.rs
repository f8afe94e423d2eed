//! SIP messages (RFC 3261): parsed in place, edited by splices.
//!
//! [`Message::parse`] indexes the lines of a message in one pass and keeps offsets into the one
//! buffer that it is given; nothing is copied and nothing is allocated for a message of up to 24
//! header lines. Header values are bytes, never text. A value is taken apart when it is asked for:
//! [`Head`] has the views. What this crate has no name for, header, method, URI scheme or parameter,
//! is kept as it is.
//!
//! A changed copy is an [`Edit`]; [`ResponseBuilder`] and [`RequestBuilder`] make messages, and
//! [`reject`] answers what could not be parsed. [`StreamFramer`] cuts a stream into messages.
//!
//! The crate does no I/O, reads no clock and never panics on input.
//!
//! ```
//! use offhook_sip_message::{Limits, Message, Method};
//!
//! let bytes = bytes::Bytes::from_static(
//!     b"OPTIONS sip:desk@pbx.example SIP/2.0\r\n\
//!       v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;rport\r\n\
//!       f: \"Front desk\" <sip:front@pbx.example>;tag=17\r\n\
//!       t: <sip:desk@pbx.example>\r\n\
//!       i: 5f@192.0.2.7\r\n\
//!       CSeq: 7 OPTIONS\r\n\
//!       l: 0\r\n\r\n",
//! );
//! let Message::Request(request) = Message::parse(bytes, &Limits::default())? else {
//!     unreachable!()
//! };
//! assert_eq!(request.method(), Method::Options);
//! assert_eq!(request.from().uri.aor(), "front@pbx.example");
//! assert_eq!(request.top_via().rport(), Some(None));
//!
//! let mut copy = request.edit();
//! copy.stamp_top_via("192.0.2.7:40000".parse()?);
//! copy.set_request_uri(b"sip:desk@198.51.100.4:5062");
//! let forwarded = copy.finish();
//! assert!(forwarded.starts_with(b"OPTIONS sip:desk@198.51.100.4:5062 SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;rport=40000;received=192.0.2.7\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod chars;
mod cseq;
mod edit;
mod error;
mod fields;
mod flow;
mod framing;
mod head;
mod header_name;
mod host;
mod index;
mod limits;
mod message;
mod method;
mod name_addr;
mod params;
mod scratch;
mod stamp;
mod status;
mod uri;
mod values;
mod via;

pub use build::{RequestBuilder, ResponseBuilder, reject};
pub use cseq::{CSeq, RAck};
pub use edit::Edit;
pub use error::ParseError;
pub use fields::{
    Auth, AuthParam, AuthParams, AuthValue, Event, ReasonValue, RetryAfter, Timestamp, WarningValue,
};
pub use flow::{ConnectionId, Flow, Transport};
pub use framing::{Frame, FramingError, StreamFramer};
pub use head::{Head, Header};
pub use header_name::HeaderName;
pub use host::{Host, HostPort};
pub use index::Index;
pub use limits::Limits;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use name_addr::{Contact, NameAddr};
pub use params::{Param, Params, ParamsIter};
pub use status::StatusCode;
pub use uri::{Scheme, Uri, unescape};
pub use values::Values;
pub use via::Via;
