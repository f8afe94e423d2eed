//! The registrar: the binding rules of RFC 3261 section 10 over an in-memory location table.
//!
//! [`Registrar`] answers the REGISTERs of a share of the addresses of record (a service shards them by a
//! hash of the address) and keeps their bindings in memory, where [`Registrar::lookup`] finds them
//! without waiting. It does no I/O: password hashes come by [`Action::FindCredentials`], and a change is
//! made, and the 200 sent, only after [`Action::Store`] was answered with [`StoreOutcome::Durable`].
//! A restarted service fills the table with [`Input::Load`].
//!
//! - A REGISTER takes effect as a whole or not at all. Those of one address of record take turns: while
//!   one is being stored the others wait, in a bounded queue.
//! - A store that fails is answered with 503 and Retry-After, and memory stays as it is. When the outcome
//!   does not come in time the phone is told the same, and the address of record stays closed until the
//!   outcome is known (or given up): memory never says less than what is durable.
//! - An unknown user, a wrong password and a missing one look the same from outside.
//! - Path (RFC 3327) is kept and returned; the flow that a REGISTER came by is kept for NATs;
//!   `+sip.instance` and `reg-id` (RFC 5626) tell a binding from others where a contact has both.
//!   [`Binding::behind_nat`] says that the flow, and not the contact, is the way back.
//!
//! **Contract**: that of [`offhook_engine::Engine`].
//!
//! **Memory**: about 480 bytes for a user with one phone whose Contact, Call-ID, instance and User-Agent
//! are of ordinary length (`tests/memory.rs` measures it; Kamailio: 600 to 1,000). The texts of a binding
//! are one allocation, shared by its clones.

mod answer;
mod binding;
mod config;
mod counters;
mod date;
mod interface;
mod operations;
mod refusal;
mod registrar;
mod registration;
mod table;

pub use binding::{Binding, BindingParts, BindingTooLong};
pub use config::{Authentication, RegistrarConfig};
pub use counters::Counters;
pub use interface::{
    Action, Change, CredentialsFound, Input, LoadedBinding, Report, StoreOutcome, Token,
};
pub use registrar::Registrar;
