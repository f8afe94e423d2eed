//! What an operator sets, and the bounds of a relay.

use std::{net::IpAddr, time::Duration};

use offhook_ng_protocol::{AddressFamily, Learning};

/// The settings of a [`crate::Relay`].
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// The addresses written into SDP. The first one of a family stands for that family, and the
    /// first one at all is used where nothing else decides.
    pub addresses: Vec<IpAddr>,
    /// How many sessions at most.
    pub max_sessions: usize,
    /// How many media (`m=` lines) of one session are relayed at most; an offer with more fails.
    pub max_media: usize,
    /// How the address of a sender is learnt, unless the command says otherwise.
    pub learning: Learning,
    /// How long after an offer or answer the sender's address may still be corrected.
    pub learning_window: Duration,
    /// How long a session without any packet lives.
    pub idle_timeout: Duration,
    /// The same, while the media are on hold.
    pub held_timeout: Duration,
    /// The same, until the answer.
    pub unanswered_timeout: Duration,
}

impl RelayConfig {
    /// The defaults, with the addresses to be written into SDP.
    #[must_use]
    pub const fn new(addresses: Vec<IpAddr>) -> Self {
        Self {
            addresses,
            max_sessions: 20_000,
            max_media: 16,
            learning: Learning::Heuristic,
            learning_window: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(60),
            held_timeout: Duration::from_secs(3600),
            unanswered_timeout: Duration::from_secs(600),
        }
    }

    /// The address of a family.
    pub(crate) fn address(&self, family: AddressFamily) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|&address| AddressFamily::of(address) == family)
    }

    /// The first of the wanted families that has an address, else the family of the first address.
    pub(crate) fn family<const N: usize>(
        &self,
        wanted: [Option<AddressFamily>; N],
    ) -> Option<AddressFamily> {
        let available = |family: &AddressFamily| self.address(*family).is_some();
        let wanted = wanted.into_iter().flatten().find(available);
        wanted.or_else(|| self.addresses.first().map(|&address| AddressFamily::of(address)))
    }
}
