//! The server side of HTTP digest authentication as SIP uses it: RFC 3261 section 22 with the
//! algorithms and the order of RFC 8760, computed as in RFC 7616 section 3.4.
//!
//! Nonces are stateless: a time and a serial number, signed with a key of the server. What is kept is
//! only which counts (`nc`) of a nonce have been used, once a client has used it with the right
//! password, in a table of bounded size. `qop=auth` is offered; a client that answers without `qop`
//! (RFC 2617 section 3.2.2) may use each nonce once.
//!
//! Order of checks in [`verify`]: the cheap ones that need no password first; whether the nonce is
//! stale or a count was used only after the response proved right, so that `stale=true` tells nobody
//! anything who does not know the password.

mod challenge;
mod credentials;
mod ha1;
mod nonces;
mod replay;
mod verify;

pub use self::challenge::{Challenge, challenges};
pub use self::credentials::Credentials;
pub use self::ha1::{Algorithm, Ha1};
pub use self::nonces::{Nonce, NonceConfig, Nonces};
pub use self::verify::{Attempt, Refusal, UriMatch, Verdict, verify};
