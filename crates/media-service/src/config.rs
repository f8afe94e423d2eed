//! What the service is started with.

use std::{net::IpAddr, ops::RangeInclusive, thread, time::Duration};

use offhook_media::RelayConfig;
use offhook_media_io::PortPoolConfig;
use offhook_platform as platform;

use crate::MediaError;

/// A local address, and the one under which phones reach it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MediaAddress {
    /// What sockets are bound to; the unspecified address for all.
    pub bind: IpAddr,
    /// What is written into SDP, of the same family.
    pub advertise: IpAddr,
}

/// The settings of the media service.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The addresses; the first of a family counts, and the first at all is preferred.
    pub addresses: Vec<MediaAddress>,
    /// The UDP ports for RTP and RTCP.
    pub rtp_ports: RangeInclusive<u16>,
    /// How many threads forward packets.
    pub workers: usize,
    /// How many sessions at most. Each worker takes its share, so somewhat fewer may fit.
    pub max_calls: usize,
    /// How long an answered call without a packet lives.
    pub idle_timeout: Duration,
    /// The same on hold, and before the answer.
    pub silent_timeout: Duration,
    /// The receive buffer of each socket, in bytes.
    pub receive_buffer_bytes: usize,
}

impl MediaConfig {
    /// The defaults for one address.
    #[must_use]
    pub fn new(bind: IpAddr, advertise: IpAddr, rtp_ports: RangeInclusive<u16>) -> Self {
        Self {
            addresses: vec![MediaAddress { bind, advertise }],
            rtp_ports,
            workers: thread::available_parallelism().map_or(1, usize::from),
            max_calls: 20_000,
            idle_timeout: Duration::from_secs(60),
            silent_timeout: Duration::from_secs(3600),
            receive_buffer_bytes: 256 * 1024,
        }
    }

    /// What the section `[media]` of the configuration says. An `advertise` of "auto" is settled
    /// here, by looking at the machine's addresses.
    #[must_use]
    pub fn from_platform(platform: &platform::Platform) -> Self {
        let config = &platform.config;
        let media = &config.media;
        let listen = config.media_listen(platform.program);
        let advertise = platform::advertised(media.advertise, listen).address;
        let ports = media.rtp_ports.first()..=media.rtp_ports.last();
        let mut settings = Self::new(listen, advertise, ports);
        if media.workers > 0 {
            settings.workers = usize::from(media.workers);
        }
        settings.max_calls = usize::try_from(media.max_calls).unwrap_or(usize::MAX);
        settings.idle_timeout = media.idle_timeout_s.duration();
        settings.silent_timeout = media.silent_timeout_s.duration();
        settings
    }

    pub(crate) fn check(&self) -> Result<(), MediaError> {
        if self.addresses.is_empty() {
            return Err(MediaError::NoAddress);
        }
        for &MediaAddress { bind, advertise } in &self.addresses {
            if bind.is_ipv4() != advertise.is_ipv4() {
                return Err(MediaError::Families { bind, advertise });
            }
        }
        Ok(())
    }

    pub(crate) fn relay(&self) -> RelayConfig {
        let addresses = self.addresses.iter().map(|address| address.advertise).collect();
        let mut relay = RelayConfig::new(addresses);
        relay.max_sessions = self.max_calls.div_ceil(self.workers.max(1));
        relay.idle_timeout = self.idle_timeout;
        relay.held_timeout = self.silent_timeout;
        relay.unanswered_timeout = self.silent_timeout;
        relay
    }

    pub(crate) fn ports(&self) -> PortPoolConfig {
        PortPoolConfig {
            addresses: self.addresses.iter().map(|address| address.bind).collect(),
            ports: self.rtp_ports.clone(),
            receive_buffer_bytes: self.receive_buffer_bytes,
        }
    }
}
