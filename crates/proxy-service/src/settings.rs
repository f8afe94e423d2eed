//! The configuration file's words as the settings of engines and edges.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use offhook_platform::{
    Advertised, AuthMode, Config, Engage, ListenTransport, advertised, entropy,
};
use offhook_proxy::{AuthPolicy, Interface, Interfaces, MediaPolicy, ProxyConfig};
use offhook_registrar::{Authentication, RegistrarConfig};
use offhook_sip_core::digest::Algorithm;
use offhook_sip_core::{AuthRole, AuthenticatorConfig, Capacity, Domains, TimerConfig};
use offhook_sip_message::{Limits, Transport};
use offhook_sip_transport::{Listener, TransportConfig};
use std::time::Duration;

/// How long a look-up may take before the request that waits for it is refused: longer than the
/// timeouts of the database and of a media relay, which know better what went wrong.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// The most calls listed at a time in one shard.
const MAX_CALLS: usize = 100_000;

/// How long a call without a BYE stays listed.
const MAX_CALL_DURATION: Duration = Duration::from_secs(24 * 3600);

/// The limits of a message.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        max_message_bytes: config.sip.max_message_bytes as usize,
        max_headers: config.sip.max_headers as usize,
        max_header_bytes: config.sip.max_header_bytes as usize,
        ..Limits::default()
    }
}

/// The listeners and their limits.
pub(crate) fn transport(config: &Config) -> TransportConfig {
    let sip = &config.sip;
    let listeners = sip
        .listen
        .iter()
        .map(|listen| Listener { transport: transport_of(listen.transport), addr: listen.addr })
        .collect();
    let mut settings = TransportConfig::new(listeners);
    settings.message = limits(config);
    settings.udp.workers = sip.worker_count();
    settings.udp.receive_buffer_bytes = sip.udp_receive_buffer_bytes as usize;
    settings.udp.send_buffer_bytes = sip.udp_send_buffer_bytes as usize;
    settings.tcp.max_connections = sip.tcp_max_connections as usize;
    settings.tcp.max_connections_per_source = sip.tcp_max_connections_per_source as usize;
    settings.tcp.connect_timeout = sip.tcp_connect_timeout_ms.duration();
    settings.tcp.idle_timeout = sip.tcp_idle_timeout_s.duration();
    settings.tcp.write_queue_bytes = sip.tcp_send_queue_bytes as usize;
    settings.first_connection_id = entropy::seed_u64();
    settings
}

fn transport_of(transport: ListenTransport) -> Transport {
    match transport {
        ListenTransport::Udp => Transport::Udp,
        ListenTransport::Tcp => Transport::Tcp,
    }
}

/// A listener as bound, and the address by which others reach it.
#[derive(Clone, Debug)]
pub struct Listening {
    /// The transport.
    pub transport: Transport,
    /// The address it is bound to.
    pub local: SocketAddr,
    /// The address advertised, and how it was found.
    pub advertised: Advertised,
}

/// The bound listeners with what they advertise.
pub(crate) fn listening(config: &Config, bound: &[Listener]) -> Vec<Listening> {
    bound
        .iter()
        .map(|listener| Listening {
            transport: listener.transport,
            local: listener.addr,
            advertised: advertised(config.sip.advertise, listener.addr.ip()),
        })
        .collect()
}

/// The listeners as the proxy writes them into Via and Record-Route.
pub(crate) fn interfaces(listening: &[Listening]) -> Interfaces {
    let interface = |listening: &Listening| {
        let advertised_port = listening.local.port();
        let advertised = SocketAddr::new(listening.advertised.address, advertised_port).to_string();
        Interface {
            transport: listening.transport,
            local: listening.local,
            advertised,
            advertised_port,
        }
    };
    Interfaces::new(listening.iter().map(interface).collect())
}

/// The domains answered for: every address of ours and the first configured name are the default
/// domain, the other names are domains of their own.
pub(crate) fn domains(config: &Config, listening: &[Listening]) -> Domains {
    let mut addresses = BTreeSet::new();
    for listener in listening {
        addresses.insert(listener.advertised.address);
        let wildcard = listener.local.ip();
        addresses.insert(wildcard);
        if wildcard.is_unspecified() {
            addresses.insert(IpAddr::V4(Ipv4Addr::LOCALHOST));
            addresses.insert(IpAddr::V6(Ipv6Addr::LOCALHOST));
            addresses.extend(offhook_platform::address::local_addresses());
        }
    }
    let host_name = config.node.name();
    let mut names = config.sip.domains.iter().map(|name| name.as_str());
    let default_names = ["localhost", host_name.as_str()].into_iter().chain(names.next());
    Domains::new(addresses, default_names.collect::<Vec<_>>(), names)
}

/// How credentials are asked for.
pub(crate) fn authenticator(config: &Config, role: AuthRole) -> AuthenticatorConfig {
    AuthenticatorConfig {
        role,
        realm: config.sip.realm.as_str().to_owned(),
        algorithms: config.sip.digest_algorithms.iter().map(|name| algorithm(*name)).collect(),
        md5_only_user_agents: config.sip.md5_only_user_agents.clone(),
        nonce_lifetime: config.sip.nonce_lifetime_s.duration(),
    }
}

fn algorithm(name: offhook_platform::DigestAlgorithm) -> Algorithm {
    match name {
        offhook_platform::DigestAlgorithm::Md5 => Algorithm::Md5,
        offhook_platform::DigestAlgorithm::Sha256 => Algorithm::Sha256,
    }
}

/// The timers of RFC 3261.
pub(crate) fn timers(config: &Config) -> TimerConfig {
    TimerConfig {
        t1: config.sip.timer_t1_ms.duration(),
        t2: config.sip.timer_t2_ms.duration(),
        t4: config.sip.timer_t4_ms.duration(),
    }
}

/// The settings of the registrar shards, of which there are `shards`.
pub(crate) fn registrar(config: &Config, domains: Arc<Domains>, shards: usize) -> RegistrarConfig {
    let authentication = match config.sip.auth {
        AuthMode::Digest => {
            Authentication::Digest(authenticator(config, AuthRole::UserAgentServer))
        }
        AuthMode::Off => Authentication::Off,
    };
    let max_transactions = (config.sip.max_transactions as usize).div_ceil(shards);
    RegistrarConfig {
        min_expires_s: config.registrar.min_expires_s.get(),
        max_expires_s: config.registrar.max_expires_s.get(),
        default_expires_s: config.registrar.default_expires_s.get(),
        max_bindings_per_aor: config.registrar.max_bindings_per_aor as usize,
        timers: timers(config),
        capacity: Capacity {
            max_server: max_transactions,
            max_client: max_transactions,
            ..Capacity::default()
        },
        ..RegistrarConfig::new(domains, authentication)
    }
}

/// The settings of the proxy shards, of which there are `shards`.
pub(crate) fn proxy(
    config: &Config,
    domains: Arc<Domains>,
    interfaces: Arc<Interfaces>,
    flow_token_key: [u8; 32],
    shards: usize,
) -> ProxyConfig {
    ProxyConfig {
        domains,
        interfaces,
        auth: match config.sip.auth {
            AuthMode::Digest => AuthPolicy::Digest,
            AuthMode::Off => AuthPolicy::Off,
        },
        authenticator: authenticator(config, AuthRole::Proxy),
        media: match config.media.engage {
            Engage::Always => MediaPolicy::Always,
            Engage::Nat => MediaPolicy::Nat,
            Engage::Never => MediaPolicy::Never,
        },
        timers: timers(config),
        timer_c: config.proxy.timer_c_s.duration(),
        lookup_timeout: LOOKUP_TIMEOUT,
        max_branches: config.proxy.max_branches as usize,
        max_transactions: (config.sip.max_transactions as usize).div_ceil(shards),
        max_calls: MAX_CALLS,
        max_call_duration: MAX_CALL_DURATION,
        flow_token_key,
        server_name: concat!("offhook/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
