//! What the registrar grants, and how much of everything it keeps.

use std::sync::Arc;
use std::time::Duration;

use offhook_sip_core::{AuthenticatorConfig, Capacity, Domains, TimerConfig};

/// Who may register.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// Users who know their password (RFC 3261 section 22).
    Digest(AuthenticatorConfig),
    /// Whoever names a user that exists. For closed laboratories.
    Off,
}

/// The settings of a [`crate::Registrar`].
#[derive(Clone, Debug)]
pub struct RegistrarConfig {
    /// Which domains are registered here, and by which names they go.
    pub domains: Arc<Domains>,
    /// Who may register.
    pub authentication: Authentication,
    /// The shortest registration, in seconds; a shorter one is refused with 423. Default 60.
    pub min_expires_s: u32,
    /// The longest registration, in seconds; a longer one is shortened to it. Default 7,200.
    pub max_expires_s: u32,
    /// For a contact without an expiry of its own, in seconds. Default 3,600.
    pub default_expires_s: u32,
    /// Bindings of one address of record. Default 10.
    pub max_bindings_per_aor: usize,
    /// Addresses of record with a binding, in this engine. Default 2,000,000.
    pub max_aors: usize,
    /// The texts of one binding together (contact, Call-ID, instance, Path), in bytes, at most
    /// 65,535. Default 4,096.
    pub max_binding_bytes: usize,
    /// REGISTERs of one address of record that wait for one that is being stored. Default 16.
    pub max_waiting_per_aor: usize,
    /// Look-ups and stores in flight together. Default 50,000.
    pub max_operations: usize,
    /// How long a look-up or a store may take before the phone is told to come back. Default 5 s.
    pub operation_timeout: Duration,
    /// How long an address of record stays closed to other REGISTERs while the fate of a store that
    /// timed out is unknown. Default 60 s.
    pub store_abandon_timeout: Duration,
    /// The value of Retry-After in a 503, in seconds. Default 5.
    pub retry_after_s: u32,
    /// The SIP timers.
    pub timers: TimerConfig,
    /// How many transactions may be open.
    pub capacity: Capacity,
}

impl RegistrarConfig {
    /// The default limits for these domains.
    #[must_use]
    pub fn new(domains: Arc<Domains>, authentication: Authentication) -> Self {
        Self {
            domains,
            authentication,
            min_expires_s: 60,
            max_expires_s: 7200,
            default_expires_s: 3600,
            max_bindings_per_aor: 10,
            max_aors: 2_000_000,
            max_binding_bytes: 4096,
            max_waiting_per_aor: 16,
            max_operations: 50_000,
            operation_timeout: Duration::from_secs(5),
            store_abandon_timeout: Duration::from_secs(60),
            retry_after_s: 5,
            timers: TimerConfig::default(),
            capacity: Capacity::default(),
        }
    }
}
