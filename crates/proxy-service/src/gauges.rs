//! Figures that are read off the tables when somebody asks for them.

use std::fmt;
use std::sync::{Arc, Weak};

use offhook_platform::Metrics;
use offhook_sip_transport::Transports;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::signalling::{Signalling, lock};

/// Has the figures of the tables served with the others.
pub(crate) fn register(metrics: &Metrics, signalling: &Arc<Signalling>, transports: &Transports) {
    let tables = Tables { signalling: Arc::downgrade(signalling), transports: transports.clone() };
    metrics.register(|registry| registry.register_collector(Box::new(tables)));
}

/// Reads the tables when metrics are scraped.
struct Tables {
    signalling: Weak<Signalling>,
    transports: Transports,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

impl Collector for Tables {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(signalling) = self.signalling.upgrade() else { return Ok(()) };
        for (name, help, value) in gauges(&signalling) {
            put(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        let stats = self.transports.stats();
        let writer = signalling.writer.stats();
        for (name, help, value) in [
            ("sip_udp_received", "Datagrams received", stats.udp_received),
            ("sip_udp_sent", "Datagrams sent", stats.udp_sent),
            ("sip_tcp_received", "Messages received over TCP", stats.tcp_received),
            ("sip_tcp_sent", "Messages sent over TCP", stats.tcp_sent),
            ("sip_tcp_accepted", "TCP connections accepted", stats.tcp_accepted),
            ("sip_tcp_refused", "TCP connections refused by a limit", stats.tcp_refused),
            ("binding_commits", "Transactions that stored bindings", writer.groups),
            ("binding_writes", "REGISTERs whose bindings were stored", writer.durable),
            ("binding_write_failures", "REGISTERs whose bindings were not stored", writer.failed),
        ] {
            put(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        let connections = ConstGauge::new(stats.tcp_connections as i64);
        put(&mut encoder, "sip_tcp_connections", "Open TCP connections", &connections)
    }
}

/// The sizes of the tables, over all shards.
fn gauges(signalling: &Signalling) -> [(&'static str, &'static str, i64); 5] {
    let mut server = 0;
    let mut client = 0;
    let mut calls = 0;
    for shard in &signalling.proxies {
        let statistics = lock(shard).statistics();
        server += statistics.server_transactions;
        client += statistics.client_transactions;
        calls += statistics.calls;
    }
    let mut users = 0;
    let mut bindings = 0;
    for shard in &signalling.registrars {
        let registrar = lock(shard);
        users += registrar.len();
        bindings += registrar.binding_count();
    }
    [
        ("sip_server_transactions", "Open server transactions", server as i64),
        ("sip_client_transactions", "Open client transactions", client as i64),
        ("calls_active", "Calls in progress", calls as i64),
        ("registered_users", "Addresses of record with a binding", users as i64),
        ("registrations", "Bindings", bindings as i64),
    ]
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    metric.encode(encoder)
}
