//! What a proxy is told at its construction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use offhook_sip_core::{AuthenticatorConfig, Domains, TimerConfig};

use crate::Interfaces;

/// Who may send requests through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPolicy {
    /// Every request that is not part of a dialog of ours must carry digest credentials of one of our
    /// users (RFC 3261 section 22.3, RFC 8760).
    Digest,
    /// Anybody may call our users: for closed laboratories only.
    Off,
}

/// When the media relay is put in the path of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaPolicy {
    /// In every call.
    Always,
    /// When the caller or a callee is seen to be behind a NAT.
    Nat,
    /// In none.
    Never,
}

/// The settings of every [`Proxy`](crate::Proxy) shard.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The domains whose users are looked up.
    pub domains: Arc<Domains>,
    /// Where the platform listens and what it advertises.
    pub interfaces: Arc<Interfaces>,
    /// Who may send requests.
    pub auth: AuthPolicy,
    /// How credentials are asked for.
    pub authenticator: AuthenticatorConfig,
    /// When the media relay is engaged.
    pub media: MediaPolicy,
    /// The timers of RFC 3261 section 17.
    pub timers: TimerConfig,
    /// Timer C: how long an INVITE branch may ring without a further provisional response. More than
    /// three minutes by RFC 3261 section 16.6 step 11; shorter values are for tests.
    pub timer_c: Duration,
    /// How long a look-up (credentials, targets, media, names) may take.
    pub lookup_timeout: Duration,
    /// The most branches that one request is forked to; further targets are left out.
    pub max_branches: usize,
    /// The most transactions of each side at a time; beyond, new requests get 503.
    pub max_transactions: usize,
    /// The most calls listed at a time; beyond, calls go through without being listed.
    pub max_calls: usize,
    /// How long a call without a BYE stays listed.
    pub max_call_duration: Duration,
    /// The key of the tokens in Record-Route; the same on every node and after every restart.
    pub flow_token_key: [u8; 32],
    /// The value of the Server header in our own responses; empty for none.
    pub server_name: String,
}

/// What is random about one shard: unpredictable, and different for every shard and every start.
#[derive(Clone, Copy)]
pub struct ShardSeed {
    /// The origin of branches and tags.
    pub identifiers: u64,
    /// The key that nonces are signed with.
    pub nonce_key: [u8; 32],
}

impl fmt::Debug for ShardSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardSeed").finish_non_exhaustive()
    }
}
