//! The service's numbers as metrics, read when they are asked for.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use crate::MediaHandle;

/// Puts the counters of a [`MediaHandle`] into a metrics registry.
#[derive(Debug)]
pub struct MediaCollector {
    handle: MediaHandle,
}

impl MediaCollector {
    /// A collector of this relay's numbers.
    #[must_use]
    pub const fn new(handle: MediaHandle) -> Self {
        Self { handle }
    }
}

impl Collector for MediaCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.handle.stats();
        let relay = stats.relay;
        let gauges = [
            ("media_sessions", "Media sessions that are up", relay.sessions),
            ("media_streams", "Relayed media (m= lines) that are up", relay.streams),
            (
                "media_port_pairs_in_use",
                "Pairs of UDP ports in use",
                stats.port_pairs_in_use as u64,
            ),
            ("media_port_pairs", "Pairs of UDP ports of each family", stats.port_pairs as u64),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let counters = [
            ("media_offers", "SDP offers carried out", relay.offers),
            ("media_answers", "SDP answers carried out", relay.answers),
            ("media_deletes", "Deletes received", relay.deletes),
            ("media_failed_commands", "Commands that failed", relay.failed_commands),
            ("media_timeouts", "Sessions that ended for want of packets", relay.timeouts),
            ("media_packets", "Packets passed on", relay.packets),
            ("media_bytes", "Bytes passed on, UDP payload only", relay.bytes),
            ("media_consumed_packets", "Keep-alives and packets for nobody", relay.consumed),
            ("media_stranger_packets", "Packets dropped for their source", relay.strangers),
            ("media_malformed_packets", "Packets dropped as malformed", relay.malformed),
            ("media_unsendable_packets", "Packets that could not be sent", relay.unsendable),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
