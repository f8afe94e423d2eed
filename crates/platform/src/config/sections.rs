//! Every key of the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::advertise::Advertise;
use super::choice::{AuthMode, DigestAlgorithm, Engage, LogFormat};
use super::database_url::DatabaseUrl;
use super::listen::{ListenAddress, ListenTransport};
use super::names::{DomainName, LogFilter, Realm};
use super::ports::PortRange;
use super::relay::MediaRelay;
use super::section::section;
use super::units::{Millis, Seconds};

section! {
    /// The keys above all sections.
    pub struct GeneralConfig in "" {
        /// Directory of everything that is kept on this machine: the embedded database and the control
        /// socket of the administration commands.
        data_dir: PathBuf = PathBuf::from("./offhook-data");
    }
}

section! {
    /// `[node]`: this process among others.
    pub struct NodeConfig in "node" {
        /// Name of this node in logs and in shared tables; "" takes the machine's host name.
        name: String = String::new();
    }
}

section! {
    /// `[sip]`: listeners, identity and limits of SIP signalling.
    pub struct SipConfig in "sip" {
        /// Where to listen for SIP: a list of transport, IP address and port.
        listen: Vec<ListenAddress> = wildcard_listeners();
        /// Domains that this platform is responsible for, besides its own addresses and `localhost`.
        domains: Vec<DomainName> = Vec::new();
        /// Realm of digest challenges. Stored passwords are bound to it: changing it means setting every
        /// password anew.
        realm: Realm = Realm::default();
        /// Address that other parties are told (in Via, Record-Route and Contact); "auto" finds it.
        advertise: Advertise = Advertise::Auto;
        /// "digest" asks for credentials; "off" asks nobody and is for closed laboratories only.
        auth: AuthMode = AuthMode::Digest;
        /// Algorithms that digest challenges offer, the preferred first. An answer with any known algorithm is
        /// accepted.
        digest_algorithms: Vec<DigestAlgorithm> = vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5];
        /// Beginnings of the User-Agent of phones that fail on a challenge other than MD5, and so get that
        /// alone.
        md5_only_user_agents: Vec<String> = ["baresip v0.", "baresip v1."].map(str::to_owned).to_vec();
        /// The second switch that `auth = "off"` needs to listen on anything but loopback.
        allow_auth_off_beyond_loopback: bool = false;
        /// Threads that process SIP; 0 takes one per processor core.
        workers: u16 = 0, in 0..=1024;
        /// How long a digest nonce is accepted, in seconds; a phone renews it without asking its user.
        nonce_lifetime_s: Seconds = Seconds::new(300), in 10..=86_400;
        /// Greatest size of a message, in bytes; a larger one is answered 513.
        max_message_bytes: u32 = 65_535, in 1_300..=16_777_216;
        /// Greatest number of header lines in a message.
        max_headers: u32 = 256, in 16..=10_000;
        /// Greatest size of one header line, in bytes.
        max_header_bytes: u32 = 16_384, in 256..=1_048_576;
        /// Transactions that can be open at once, server and client side each; one more is answered 503.
        max_transactions: u32 = 200_000, in 100..=10_000_000;
        /// T1 of RFC 3261 section 17: the estimate of a round trip, in milliseconds.
        timer_t1_ms: Millis = Millis::new(500), in 10..=5_000;
        /// T2 of RFC 3261 section 17: the longest interval between retransmissions, in milliseconds.
        timer_t2_ms: Millis = Millis::new(4_000), in 10..=60_000;
        /// T4 of RFC 3261 section 17: how long a message can stay in the network, in milliseconds.
        timer_t4_ms: Millis = Millis::new(5_000), in 10..=60_000;
        /// Receive buffer asked of the system for each UDP socket, in bytes.
        udp_receive_buffer_bytes: u32 = 8_388_608, in 65_536..=1_073_741_824;
        /// Send buffer asked of the system for each UDP socket, in bytes.
        udp_send_buffer_bytes: u32 = 4_194_304, in 65_536..=1_073_741_824;
        /// TCP connections that can be open at once.
        tcp_max_connections: u32 = 100_000, in 1..=10_000_000;
        /// TCP connections that can be open at once from one IP address.
        tcp_max_connections_per_source: u32 = 10_000, in 1..=10_000_000;
        /// How long to wait for a TCP connection to open, in milliseconds.
        tcp_connect_timeout_ms: Millis = Millis::new(5_000), in 100..=120_000;
        /// How long a TCP connection may stay silent before it is closed, in seconds. A phone that
        /// registered over it cannot be called after that, so it is longer than `registrar.max_expires_s`.
        tcp_idle_timeout_s: Seconds = Seconds::new(7_500), in 10..=604_800;
        /// Bytes that may wait to be sent on one TCP connection; a peer that reads too slowly loses it.
        tcp_send_queue_bytes: u32 = 1_048_576, in 65_536..=268_435_456;
    }
}

section! {
    /// `[registrar]`: how long and how often a user can be registered.
    pub struct RegistrarConfig in "registrar" {
        /// Shortest registration, in seconds; a shorter one is answered 423 (RFC 3261 section 10.3).
        min_expires_s: Seconds = Seconds::new(60), in 1..=86_400;
        /// Longest registration, in seconds; a longer one is shortened to it.
        max_expires_s: Seconds = Seconds::new(7_200), in 1..=31_536_000;
        /// Registration of a phone that names no expiry, in seconds.
        default_expires_s: Seconds = Seconds::new(3_600), in 1..=31_536_000;
        /// Phones that can be registered for one user at once.
        max_bindings_per_aor: u32 = 10, in 1..=1_000;
    }
}

section! {
    /// `[proxy]`: how calls are forwarded.
    pub struct ProxyConfig in "proxy" {
        /// Timer C of RFC 3261 section 16.6: how long a call may ring without news, in seconds.
        timer_c_s: Seconds = Seconds::new(180), in 1..=86_400;
        /// Phones that one request is forked to at once.
        max_branches: u32 = 20, in 1..=1_000;
    }
}

section! {
    /// `[http]`: health checks, and later the API.
    pub struct HttpConfig in "http" {
        /// Where `/healthz` and `/readyz` are served; "" for nowhere.
        listen: Option<SocketAddr> = Some(SocketAddr::new(WILDCARD, 8080));
    }
}

section! {
    /// `[metrics]`: figures for Prometheus.
    pub struct MetricsConfig in "metrics" {
        /// Where `/metrics` is served; "" for nowhere.
        listen: Option<SocketAddr> = Some(SocketAddr::new(LOOPBACK, 9464));
    }
}

section! {
    /// `[media]`: the relay of RTP and RTCP.
    pub struct MediaConfig in "media" {
        /// Which calls have their media relayed: "always", "nat" or "never".
        engage: Engage = Engage::Always;
        /// The relay: "internal" for the one in this process, or "udp:HOST:PORT" for one that speaks the
        /// ng control protocol.
        relay: MediaRelay = MediaRelay::Internal;
        /// Where this relay listens for the ng control protocol over UDP; "" for nowhere.
        listen_ng: Option<SocketAddr> = None;
        /// IP address that RTP sockets are bound to. In `offhook` the wildcard means the address that SIP
        /// listens on, if it listens on one only.
        listen: IpAddr = WILDCARD;
        /// Address that phones are told to send media to; "auto" finds it.
        advertise: Advertise = Advertise::Auto;
        /// UDP ports of RTP and RTCP, first and last.
        rtp_ports: PortRange = PortRange::default();
        /// How long an answered call may be without any packet before it is dropped, in seconds.
        idle_timeout_s: Seconds = Seconds::new(60), in 1..=86_400;
        /// The same for a call on hold or not yet answered, in seconds.
        silent_timeout_s: Seconds = Seconds::new(3_600), in 1..=604_800;
        /// Calls that can be relayed at once.
        max_calls: u32 = 20_000, in 1..=1_000_000;
        /// Threads that forward packets; 0 takes one per processor core.
        workers: u16 = 0, in 0..=1024;
        /// How long the proxy waits for a relay in another process to answer, in milliseconds.
        ng_timeout_ms: Millis = Millis::new(1_000), in 10..=60_000;
    }
}

section! {
    /// `[database]`: users, registrations and everything else that is kept.
    pub struct DatabaseConfig in "database" {
        /// The database: "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE"; "" for SQLite in `data_dir`.
        @secret
        url: Option<DatabaseUrl> = None;
        /// Connections that can be open at once.
        max_connections: u32 = 10, in 1..=1_000;
        /// How long one attempt to connect may take, in milliseconds.
        connect_timeout_ms: Millis = Millis::new(5_000), in 100..=120_000;
        /// How long to wait for a free connection, in milliseconds.
        acquire_timeout_ms: Millis = Millis::new(3_000), in 100..=120_000;
        /// How long to wait at the start for a database server that is not up yet, in seconds.
        start_timeout_s: Seconds = Seconds::new(60), in 0..=3_600;
        /// How long registrations are collected before they are written together, in milliseconds.
        commit_delay_ms: Millis = Millis::new(2), in 0..=1_000;
        /// Registrations that are written together at most.
        commit_batch: u32 = 1_000, in 1..=10_000;
        /// Registrations that may wait to be written; one more is answered 503.
        commit_queue: u32 = 20_000, in 1..=10_000_000;
    }
}

section! {
    /// `[log]`: what is written to standard error.
    pub struct LogConfig in "log" {
        /// Least important level that is written, or target=level pairs.
        level: LogFilter = LogFilter::default();
        /// "text" for people or "json" for machines.
        format: LogFormat = LogFormat::Text;
    }
}

section! {
    /// `[shutdown]`: how the process ends.
    pub struct ShutdownConfig in "shutdown" {
        /// How long calls may go on after SIGTERM before the process ends, in seconds.
        drain_timeout_s: Seconds = Seconds::new(30), in 0..=604_800;
    }
}

const WILDCARD: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn wildcard_listeners() -> Vec<ListenAddress> {
    [ListenTransport::Udp, ListenTransport::Tcp]
        .map(|transport| ListenAddress { transport, addr: SocketAddr::new(WILDCARD, 5060) })
        .to_vec()
}

impl NodeConfig {
    /// The configured name, or the host name of the machine.
    #[must_use]
    pub fn name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|name| name.trim().to_owned())
            .ok()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "offhook".to_owned())
    }
}

impl SipConfig {
    /// The number of threads to process SIP with, at least 1.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        workers(self.workers)
    }
}

impl MediaConfig {
    /// The number of threads to forward packets with, at least 1.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        workers(self.workers)
    }
}

fn workers(configured: u16) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => usize::from(count),
    }
}
