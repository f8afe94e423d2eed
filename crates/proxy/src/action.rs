//! What the proxy is told and what it wants done.

use std::net::SocketAddr;

use bytes::Bytes;
use offhook_sip_core::digest::Ha1;
use offhook_sip_message::{Flow, Request, Response, StatusCode, Transport};

/// Connects a look-up with its answer. Each token is used once; an answer to a token that was never
/// given, has been answered or has timed out is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub(crate) u64);

/// A fact for the proxy.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request came by `flow`.
    Request {
        /// The request.
        request: Request,
        /// The way it came.
        flow: Flow,
    },
    /// A response came in.
    Response {
        /// The response.
        response: Response,
    },
    /// The answer to [`Action::FindCredentials`].
    Credentials {
        /// Which look-up.
        token: Token,
        /// What was found.
        found: CredentialsFound,
    },
    /// The answer to [`Action::FindTargets`].
    Targets {
        /// Which look-up.
        token: Token,
        /// What was found.
        found: TargetsFound,
    },
    /// The answer to [`Action::Resolve`]: empty if the name has no address.
    Addresses {
        /// Which look-up.
        token: Token,
        /// The addresses in order of preference.
        addresses: Vec<SocketAddr>,
    },
    /// The answer to [`Action::Media`] with a token.
    Media {
        /// Which command.
        token: Token,
        /// What the relay said.
        outcome: MediaOutcome,
    },
    /// A message with this ticket could not be sent.
    SendFailed {
        /// The ticket of [`Action::Transmit`].
        ticket: u64,
    },
    /// From here on new calls are refused with 503 (`true`) or taken (`false`).
    Drain(bool),
}

/// What the directory knows of a user.
#[derive(Clone, Debug)]
pub enum CredentialsFound {
    /// The hashes of the user's password, one for each algorithm.
    Known(Vec<Ha1>),
    /// No such user.
    Unknown,
    /// The directory cannot be asked.
    Unavailable,
}

/// Where an address of record can be reached.
#[derive(Clone, Debug)]
pub enum TargetsFound {
    /// Its bindings, best first.
    Bindings(Vec<Target>),
    /// The user exists and has no binding.
    NotRegistered,
    /// No such user.
    UnknownUser,
    /// Neither can be told.
    Unavailable,
}

/// One place where a user can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The new Request-URI.
    pub uri: Bytes,
    /// The flow that the registration came by.
    pub flow: Option<Flow>,
    /// The Path of the registration, nearest hop first (RFC 3327).
    pub path: Vec<Bytes>,
    /// Whether the registration was seen to pass a NAT.
    pub behind_nat: bool,
}

/// A verb of the media-control protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaVerb {
    /// A session description was offered; it is to be rewritten to the relay's addresses.
    Offer {
        /// Who offers.
        from_tag: Bytes,
        /// To whom, where known.
        to_tag: Option<Bytes>,
        /// The description.
        sdp: Bytes,
    },
    /// A session description answers the last offer of `from_tag`.
    Answer {
        /// Who offered.
        from_tag: Bytes,
        /// Who answers.
        to_tag: Bytes,
        /// The description.
        sdp: Bytes,
    },
    /// The call is over.
    Delete {
        /// The party whose part in the call is over.
        from_tag: Bytes,
        /// Given if other dialogs of the call go on: the end is that of the dialog with this party
        /// alone.
        to_tag: Option<Bytes>,
    },
}

/// What the relay said to an offer or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaOutcome {
    /// The rewritten description.
    Rewritten(Bytes),
    /// The description cannot be used.
    Rejected,
    /// The relay cannot be reached or has no room.
    Unavailable,
}

/// What the proxy wants done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send `bytes` by `flow`; on failure answer [`Input::SendFailed`] with the ticket.
    Transmit {
        /// The way to send it.
        flow: Flow,
        /// The whole message.
        bytes: Bytes,
        /// Names the sender; zero if nobody waits for the outcome.
        ticket: u64,
    },
    /// Find a user's password hashes.
    FindCredentials {
        /// Goes back with the answer.
        token: Token,
        /// The address of record: `user` or `user@domain`.
        aor: String,
    },
    /// Find the bindings of an address of record.
    FindTargets {
        /// Goes back with the answer.
        token: Token,
        /// The address of record: `user` or `user@domain`.
        aor: String,
    },
    /// Find the addresses of a host name.
    Resolve {
        /// Goes back with the answer.
        token: Token,
        /// The name.
        host: String,
        /// The port to use.
        port: u16,
        /// The transport that will be used.
        transport: Transport,
    },
    /// Tell the media relay.
    Media {
        /// Goes back with the answer; `None` if none is waited for.
        token: Option<Token>,
        /// The call.
        call_id: Bytes,
        /// What to do.
        verb: MediaVerb,
    },
    /// Something that logs and metrics want to know.
    Report(Report),
}

/// A noteworthy event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A call changed its state.
    Call {
        /// The Call-ID.
        call_id: Bytes,
        /// What happened.
        event: CallReport,
    },
    /// Credentials were presented that are not those of the user they name.
    WrongCredentials {
        /// The Call-ID.
        call_id: Bytes,
        /// The user name as presented.
        user: String,
        /// Where the request came from.
        remote: SocketAddr,
    },
    /// A request was answered by the proxy itself with an error.
    Refused {
        /// The Call-ID.
        call_id: Bytes,
        /// The status.
        status: StatusCode,
        /// Why, in words.
        reason: &'static str,
    },
}

/// The life of a call as a proxy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallReport {
    /// An INVITE that starts a dialog was forwarded.
    Started,
    /// The first 2xx went back to the caller.
    Answered,
    /// The call failed with this status before it was answered.
    Failed(StatusCode),
    /// A BYE was answered.
    Ended,
    /// No BYE came within the longest duration.
    Expired,
}
