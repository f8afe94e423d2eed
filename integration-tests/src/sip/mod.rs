//! A SIP user agent of a few lines, for checks at the level of the protocol: it sends exactly
//! the bytes that a test wants and shows exactly those that come back.
//!
//! It is written apart from the code under test and shares nothing with it.

mod agent;
mod call;
mod link;
mod message;

pub use agent::{Agent, Outgoing};
pub use call::Call;
pub use link::Link;
pub use message::SipText;
