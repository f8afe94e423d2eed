//! The stateful proxy of RFC 3261 section 16, as an engine without I/O.
//!
//! A request becomes a *response context* (section 16.2) which moves through its stages: admission,
//! authentication, routing, the media offer, forking. Each stage that needs something looked up emits
//! an [`Action`] with a [`Token`] and goes on when the [`Input`] with that token comes; a look-up that
//! is never answered ends by a deadline of its own. Responses come back through the context, which
//! forwards, collects and chooses (section 16.7).
//!
//! The state of a *dialog* is not kept: what in-dialog requests need travels in the Record-Route header
//! (signed, see [`offhook_sip_core::flow_token`]), so a proxy that was killed and restarted carries on
//! with calls that it has never seen.
//!
//! One `Proxy` is one shard: a service shards by a hash of the Call-ID, which every message of a
//! transaction and of a dialog carries.

mod action;
mod admission;
mod authentication;
mod branch;
mod calls;
mod cancel;
mod config;
mod context;
mod forward;
mod interface;
mod media;
mod proxy;
mod record_route;
mod response;
mod routing;
mod strict_routing;
mod wait;

pub use action::{
    Action, CallReport, CredentialsFound, Input, MediaOutcome, MediaVerb, Report, Target,
    TargetsFound, Token,
};
pub use calls::{Call, CallState};
pub use config::{AuthPolicy, MediaPolicy, ProxyConfig, ShardSeed};
pub use interface::{Interface, Interfaces};
pub use proxy::{Proxy, Statistics};
