//! What the registrar is told and what it wants done.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use offhook_sip_core::Ha1;
use offhook_sip_message::{Flow, Request, StatusCode};

use crate::Binding;

/// Connects a look-up or a store with its answer. Each token is used once; an answer to a token that was
/// never given, or has been answered, is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub(crate) u64);

/// A fact for the registrar.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "an input lives on the stack for one call; a box would cost each request an allocation"
)]
pub enum Input {
    /// A request came by `flow`: a REGISTER for a domain of ours.
    Request {
        /// The request.
        request: Request,
        /// The way it came.
        flow: Flow,
    },
    /// The answer to [`Action::FindCredentials`].
    Credentials {
        /// Which look-up.
        token: Token,
        /// What was found.
        found: CredentialsFound,
    },
    /// The answer to [`Action::Store`].
    Stored {
        /// Which store.
        token: Token,
        /// Whether the changes are durable.
        outcome: StoreOutcome,
    },
    /// Bindings that are durable already: read from the store at the start, or written by another
    /// node. A binding in memory that was registered later stays.
    Load(Vec<LoadedBinding>),
    /// A message with this ticket could not be sent.
    SendFailed {
        /// The ticket of [`Action::Transmit`].
        ticket: u64,
    },
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

/// What became of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// All changes are durable.
    Durable,
    /// None of them is.
    Unavailable,
}

/// A binding from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedBinding {
    /// The address of record, `user` or `user@domain`.
    pub aor: String,
    /// The binding.
    pub binding: Binding,
}

/// A change to the bindings of one address of record.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Stores a binding, in place of the one with its key.
    Upsert {
        /// [`Binding::contact_key`].
        contact_key: String,
        /// The binding.
        binding: Binding,
    },
    /// Removes the binding with this key.
    Remove {
        /// [`Binding::contact_key`].
        contact_key: String,
    },
    /// Removes every binding.
    RemoveAll,
}

/// What the registrar wants done.
#[derive(Clone, Debug, PartialEq)]
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
    /// Find a user's password hashes, or just whether the user exists.
    FindCredentials {
        /// Goes back with the answer.
        token: Token,
        /// The address of record: `user` or `user@domain`.
        aor: String,
    },
    /// Make changes durable, all of them or none, in their order.
    Store {
        /// Goes back with the answer.
        token: Token,
        /// Whose bindings: `user` or `user@domain`.
        aor: Arc<str>,
        /// What changes.
        changes: Arc<[Change]>,
    },
    /// Something that logs want to know.
    Report(Report),
}

/// A noteworthy event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The bindings of an address of record have changed, durably.
    Registered {
        /// The Call-ID.
        call_id: Bytes,
        /// The address of record.
        aor: Arc<str>,
        /// How many bindings it has from here on.
        bindings: usize,
    },
    /// Credentials were presented that are not those of the user they name.
    WrongCredentials {
        /// The Call-ID.
        call_id: Bytes,
        /// The address of record that was to be registered.
        aor: Arc<str>,
        /// Where the request came from.
        remote: SocketAddr,
    },
    /// A REGISTER was refused.
    Refused {
        /// The Call-ID.
        call_id: Bytes,
        /// The status.
        status: StatusCode,
        /// Why, in words.
        reason: &'static str,
    },
}
