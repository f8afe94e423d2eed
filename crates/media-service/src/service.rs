//! The service with everything around it: ng listener, metrics, readiness, drain.

use std::net::SocketAddr;

use offhook_platform::{Check, Platform, Routes, entropy};
use tokio::task::JoinHandle;

use crate::{
    MediaCollector, MediaConfig, MediaError, MediaHandle, MediaService, NgListener, control_routes,
};

/// The media relay as a part of a process.
#[derive(Debug)]
pub struct Running {
    handle: MediaHandle,
    ng: Option<(SocketAddr, JoinHandle<()>)>,
    drain: JoinHandle<()>,
}

impl Running {
    /// Starts the relay as the configuration says, with its metrics, its readiness check, and the
    /// ng listener if there is to be one. While the process drains, new calls are refused.
    ///
    /// # Errors
    /// When the relay or the listener does not come up.
    pub async fn start(platform: &Platform) -> Result<Self, MediaError> {
        let config = MediaConfig::from_platform(platform);
        let handle = MediaService::start(&config, platform.clock, entropy::seed_u64())?;
        let ng = match platform.config.media.listen_ng {
            Some(address) => Some(listen_ng(platform, &handle, address).await?),
            None => None,
        };
        let collector = Box::new(MediaCollector::new(handle.clone()));
        platform.metrics.register(|registry| registry.register_collector(collector));
        let checked = handle.clone();
        platform.readiness.add("media", move || check(&config, &checked));
        let watched = handle.clone();
        platform.drain.watch("media sessions", move || watched.stats().relay.sessions);
        let (draining, drained) = (platform.drain.clone(), handle.clone());
        let drain = tokio::spawn(async move {
            draining.draining().await;
            drained.drain();
        });
        Ok(Self { handle, ng, drain })
    }

    /// The relay, for a SIP service in the same process.
    #[must_use]
    pub const fn handle(&self) -> &MediaHandle {
        &self.handle
    }

    /// Where ng commands are taken.
    #[must_use]
    pub fn ng_address(&self) -> Option<SocketAddr> {
        self.ng.as_ref().map(|(address, _)| *address)
    }

    /// What the process shows about the relay.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes { control: control_routes(self.handle.clone()), ..Routes::default() }
    }

    /// Ends everything.
    pub async fn stop(self) {
        self.drain.abort();
        if let Some((_, listener)) = self.ng {
            listener.abort();
        }
        // The workers are waited for, which takes as long as a batch of packets.
        let handle = self.handle;
        if tokio::task::spawn_blocking(move || handle.shutdown()).await.is_err() {
            tracing::error!("the media relay has panicked while stopping");
        }
    }
}

/// Runs the relay as a process of its own, until a signal ends it.
///
/// # Errors
/// When it does not come up.
pub async fn run(platform: Platform) -> Result<(), MediaError> {
    let running = Running::start(&platform).await?;
    let _serving = platform.serve(running.routes()).await?;
    platform.run_until_stopped().await?;
    running.stop().await;
    Ok(())
}

async fn listen_ng(
    platform: &Platform,
    handle: &MediaHandle,
    address: SocketAddr,
) -> Result<(SocketAddr, JoinHandle<()>), MediaError> {
    let seed = entropy::seed_u64();
    let listener = NgListener::bind(handle.clone(), address, platform.clock, seed).await?;
    let bound = listener.local_addr().map_err(|error| MediaError::BindNg { address, error })?;
    tracing::info!(%bound, "listening for ng commands");
    Ok((bound, tokio::spawn(listener.run())))
}

fn check(config: &MediaConfig, handle: &MediaHandle) -> Check {
    let stats = handle.stats();
    let (first, last) = (config.rtp_ports.start(), config.rtp_ports.end());
    let (in_use, all) = (stats.port_pairs_in_use, stats.port_pairs);
    let advertised: Vec<_> =
        config.addresses.iter().map(|address| address.advertise.to_string()).collect();
    let detail = format!(
        "RTP at {} on udp {first}-{last}, {in_use} of {all} port pairs in use",
        advertised.join(", ")
    );
    if in_use < all * config.addresses.len() {
        Check::ready(detail)
    } else {
        Check::not_ready(detail)
    }
}
