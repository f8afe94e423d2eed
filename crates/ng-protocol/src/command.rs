//! The commands that a SIP server sends, as types.

use std::net::IpAddr;

use bytes::Bytes;

/// A command to the media relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Asks whether the relay is alive.
    Ping,
    /// Passes an SDP offer (RFC 3264) on its way to the answerer.
    Offer(Box<Exchange>),
    /// Passes an SDP answer on its way back to the offerer.
    Answer(Box<Exchange>),
    /// Ends a session.
    Delete(Delete),
    /// Asks for the state and the counters of a call.
    Query(Query),
    /// Asks for the Call-IDs of the calls that are up.
    List(List),
}

impl Command {
    /// The command's name in the protocol.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Offer(_) => "offer",
            Self::Answer(_) => "answer",
            Self::Delete(_) => "delete",
            Self::Query(_) => "query",
            Self::List(_) => "list",
        }
    }

    /// The Call-ID that the command is about, if it is about one.
    #[must_use]
    pub const fn call_id(&self) -> Option<&Bytes> {
        match self {
            Self::Offer(exchange) | Self::Answer(exchange) => Some(&exchange.call_id),
            Self::Delete(delete) => Some(&delete.call_id),
            Self::Query(query) => Some(&query.call_id),
            Self::Ping | Self::List(_) => None,
        }
    }
}

/// An SDP body on its way through the relay.
///
/// `from_tag` names the offerer and `to_tag` the answerer, in an offer and in its answer alike,
/// whichever of the two sent the INVITE: where the callee makes the offer (in its 200), its tag
/// is the `from_tag`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// The SIP Call-ID.
    pub call_id: Bytes,
    /// The SIP tag of the offerer.
    pub from_tag: Bytes,
    /// The SIP tag of the answerer: always in an answer; in an offer, if it is known.
    pub to_tag: Option<Bytes>,
    /// The Via branch of the request, which tells forked requests apart.
    pub via_branch: Option<Bytes>,
    /// The SDP body as received.
    pub sdp: Bytes,
    /// What to do with it.
    pub options: Options,
}

impl Exchange {
    /// An exchange without a to-tag, with the default options.
    #[must_use]
    pub fn new(call_id: Bytes, from_tag: Bytes, sdp: Bytes) -> Self {
        let options = Options::default();
        Self { call_id, from_tag, to_tag: None, via_branch: None, sdp, options }
    }
}

/// The settings of an offer or answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// `received-from`: the source address of the SIP message.
    pub received_from: Option<IpAddr>,
    /// Flag `SIP-source-address`: packets go to `received_from` at first, whatever address the SDP
    /// names. The flag `trust-address` is the opposite and the default.
    pub sip_source_address: bool,
    /// `media-address`: overrides the address in the SDP and `received_from`.
    pub media_address: Option<IpAddr>,
    /// `address-family`: the family of the address written into the SDP; by default that of the
    /// receiving side where it is known, else that of the SDP received.
    pub address_family: Option<AddressFamily>,
    /// Flag `asymmetric`: packets keep going to the address in the SDP, wherever the sender's come
    /// from. (`symmetric` is the default.)
    pub asymmetric: bool,
    /// Flag `strict-source`. The relay of this project always drops packets of a third address;
    /// the flag matters when the command goes to an rtpengine.
    pub strict_source: bool,
    /// Flag `media-handover`: a new source address takes the stream over at any time. Anyone who
    /// finds the port can then take it.
    pub media_handover: bool,
    /// Flag `port-latching`: local ports survive a re-offer. The relay of this project always
    /// keeps them; the flag matters when the command goes to an rtpengine.
    pub port_latching: bool,
    /// Flag `no-rtcp-attribute`: the SDP written has no `a=rtcp`.
    pub no_rtcp_attribute: bool,
    /// Flag `loop-protect`. The relay of this project always recognises its own ports.
    pub loop_protect: bool,
    /// `endpoint-learning`: how the address of the sender is learnt.
    pub learning: Option<Learning>,
    /// `replace`: which lines besides those of the media are rewritten.
    pub replace: Replace,
    /// `rtcp-mux`: what to do about RFC 5761.
    pub rtcp_mux: RtcpMux,
    /// `ICE`: what to do with ICE attributes.
    pub ice: Ice,
    /// `transport-protocol`: the RTP profile asked for towards the receiver.
    pub transport_protocol: Option<Bytes>,
    /// `supports: load limit`: the sender understands [`crate::Reply::LoadLimit`].
    pub load_limit: bool,
    /// What the command asked for and the relay cannot do, such as `codec` or `record-call`.
    pub unavailable: Vec<String>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressFamily {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ip4,
            IpAddr::V6(_) => Self::Ip6,
        }
    }

    /// The name in SDP and in the protocol: `IP4` or `IP6`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ip4 => "IP4",
            Self::Ip6 => "IP6",
        }
    }
}

/// How the address from which a peer sends is learnt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Learning {
    /// Not at all: the address in the SDP holds.
    Off,
    /// The first packet decides.
    Immediate,
    /// The first packet after the learning window decides.
    Delayed,
    /// The packet that fits the SDP best within the learning window decides.
    Heuristic,
}

/// `replace`: lines that the relay may rewrite besides those of the media.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Replace {
    /// The address in the `o=` line.
    pub origin: bool,
    /// The session's `c=` line. The relay of this project rewrites it in any case.
    pub session_connection: bool,
}

/// `rtcp-mux`: RTP and RTCP on one port (RFC 5761). Without any of these, the relay passes the
/// offer on and goes along with the answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RtcpMux {
    /// Offer it to the receiver even if the sender did not.
    pub offer: bool,
    /// As `offer`, and write the SDP as if the receiver had agreed already.
    pub require: bool,
    /// Accept it from the sender and do not offer it to the receiver.
    pub demux: bool,
    /// Accept it from the sender, whatever the receiver answers.
    pub accept: bool,
    /// Refuse it to the sender.
    pub reject: bool,
}

/// `ICE`: what happens to ICE attributes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ice {
    /// The relay decides; the relay of this project removes them.
    #[default]
    Default,
    /// They are removed.
    Remove,
    /// The relay puts itself in as the only candidate. Not available in this project's relay.
    Force,
}

/// Ends a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delete {
    /// The SIP Call-ID.
    pub call_id: Bytes,
    /// The tag of either party; without one, every session of the Call-ID ends.
    pub from_tag: Option<Bytes>,
    /// The tag of the other party.
    pub to_tag: Option<Bytes>,
    /// The Via branch, if it was given in the offer.
    pub via_branch: Option<Bytes>,
    /// Flag `to-tag`: a `to_tag` that is not that of the other party spares the session.
    pub honour_to_tag: bool,
    /// Flag `fatal`: an unknown call is an error and not a warning.
    pub fatal: bool,
    /// Flag `fast`: the reply holds no report.
    pub fast: bool,
}

impl Delete {
    /// Ends every session of a Call-ID.
    #[must_use]
    pub const fn new(call_id: Bytes) -> Self {
        Self {
            call_id,
            from_tag: None,
            to_tag: None,
            via_branch: None,
            honour_to_tag: false,
            fatal: false,
            fast: false,
        }
    }
}

/// Asks for the state and the counters of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// The SIP Call-ID.
    pub call_id: Bytes,
    /// Limits the report to the sessions in which this tag takes part.
    pub from_tag: Option<Bytes>,
    /// Limits the report further.
    pub to_tag: Option<Bytes>,
}

/// Asks for Call-IDs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct List {
    /// How many Call-IDs at most.
    pub limit: usize,
}

impl Default for List {
    fn default() -> Self {
        Self { limit: 32 }
    }
}
