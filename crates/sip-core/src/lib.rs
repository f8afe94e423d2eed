//! SIP transactions, digest authentication and flow tokens as pure state machines.
//!
//! Nothing here does I/O, reads a clock or draws a random number: messages, time and seeds are inputs,
//! and what is to be done is returned or polled.
//!
//! - [`Transactions`]: the transaction layer of RFC 3261 section 17, over the four machines
//!   [`ClientInvite`], [`ClientNonInvite`], [`ServerInvite`] and [`ServerNonInvite`] with the
//!   corrections of RFC 6026 and RFC 4320.
//! - [`digest`] and [`Authenticator`]: the server side of digest authentication.
//! - [`FlowTokens`]: signed names of flows for Record-Route and Path.
//! - [`Domains`]: which hosts are ours, and whom a URI names there.

mod action;
mod authenticator;
mod client_invite;
mod client_non_invite;
pub mod digest;
mod domains;
mod error;
pub mod flow_token;
mod mac;
mod nat;
mod random;
mod server_invite;
mod server_non_invite;
mod timing;
mod transactions;

pub use self::action::{Action, Actions};
pub use self::authenticator::{AuthRole, Authenticator, AuthenticatorConfig};
pub use self::client_invite::ClientInvite;
pub use self::client_non_invite::ClientNonInvite;
pub use self::digest::{
    Algorithm, Attempt, Challenge, Credentials, Ha1, Nonce, NonceConfig, Nonces, Refusal, UriMatch,
    Verdict, challenges, verify,
};
pub use self::domains::Domains;
pub use self::error::{DigestError, TokenError};
pub use self::flow_token::FlowTokens;
pub use self::nat::passed_nat;
pub use self::server_invite::ServerInvite;
pub use self::server_non_invite::ServerNonInvite;
pub use self::timing::{Timer, TimerConfig, Timing};
pub use self::transactions::{
    Branch, Capacity, ClientId, Counters, Effect, Full, Received, ServerId, Transactions,
};
