//! Who takes part in the tests, and how the platform is set up for them.

use std::sync::Arc;
use std::time::Duration;

use offhook_proxy::{AuthPolicy, Interface, Interfaces, MediaPolicy, ProxyConfig, Target};
use offhook_sip_core::digest::Algorithm;
use offhook_sip_core::{AuthRole, AuthenticatorConfig, Domains, TimerConfig};
use offhook_sip_message::{ConnectionId, Flow, Transport};
use offhook_testkit::messages::RequestSketch;

pub(crate) const PLATFORM: &str = "192.0.2.1:5060";
pub(crate) const ALICE: &str = "192.0.2.10:5060";
pub(crate) const BOB: &str = "192.0.2.20:5060";
pub(crate) const BOB2: &str = "192.0.2.21:5060";
pub(crate) const BOB3: &str = "192.0.2.22:5060";
pub(crate) const CAROL: &str = "192.0.2.30:5060";
/// Somebody who has no business here.
pub(crate) const EVE: &str = "203.0.113.66:5060";
/// What the world sees of a home network.
pub(crate) const NAT: &str = "203.0.113.5:40000";

pub(crate) const NAMES: [(&str, &str); 7] = [
    (ALICE, "alice"),
    (BOB, "bob"),
    (BOB2, "bob2"),
    (BOB3, "bob3"),
    (CAROL, "carol"),
    (EVE, "eve"),
    (NAT, "nat"),
];

pub(crate) const REALM: &str = "offhook";
pub(crate) const TOKEN_KEY: [u8; 32] = [7; 32];
pub(crate) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const TIMER_C: Duration = Duration::from_secs(185);
pub(crate) const MAX_CALL_DURATION: Duration = Duration::from_secs(4 * 3_600);

pub(crate) fn config() -> ProxyConfig {
    let addresses = ["192.0.2.1".parse().unwrap()];
    let domains = Domains::new(addresses, ["example.com", "localhost"], ["other.org"]);
    let interfaces = [Transport::Udp, Transport::Tcp].map(|transport| Interface {
        transport,
        local: PLATFORM.parse().unwrap(),
        advertised: PLATFORM.into(),
        advertised_port: 5060,
    });
    ProxyConfig {
        domains: Arc::new(domains),
        interfaces: Arc::new(Interfaces::new(interfaces.into())),
        auth: AuthPolicy::Off,
        authenticator: AuthenticatorConfig {
            role: AuthRole::Proxy,
            realm: REALM.into(),
            algorithms: vec![Algorithm::Md5, Algorithm::Sha256],
            md5_only_user_agents: vec!["baresip v1".into()],
            nonce_lifetime: Duration::from_secs(300),
        },
        media: MediaPolicy::Never,
        timers: TimerConfig::default(),
        timer_c: TIMER_C,
        lookup_timeout: LOOKUP_TIMEOUT,
        max_branches: 4,
        max_transactions: 1_000,
        max_calls: 1_000,
        max_call_duration: MAX_CALL_DURATION,
        flow_token_key: TOKEN_KEY,
        server_name: "Offhook".into(),
    }
}

/// A datagram between the platform and `remote`.
pub(crate) fn udp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: PLATFORM.parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

/// A connection between the platform and `remote`.
pub(crate) fn tcp(remote: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection: Some(ConnectionId(connection)), ..udp(remote) }
}

/// A phone at `address`, registered over UDP without a NAT in between.
pub(crate) fn target(address: &str) -> Target {
    Target {
        uri: format!("sip:bob@{address}").into(),
        flow: Some(udp(address)),
        path: Vec::new(),
        behind_nat: false,
    }
}

/// Alice calls bob.
pub(crate) fn invite() -> RequestSketch {
    RequestSketch::new("INVITE", "sip:bob@example.com").header("Contact", "<sip:alice@192.0.2.10>")
}

/// The same by TCP.
pub(crate) fn invite_by_tcp() -> RequestSketch {
    invite().via("SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKalice1;rport")
}

/// Alice asks for something of bob that is no call.
pub(crate) fn request(method: &str) -> RequestSketch {
    RequestSketch::new(method, "sip:bob@example.com")
}

/// What ends a call attempt: the request that the INVITE was, as a CANCEL or as the ACK of a failure.
pub(crate) fn same_transaction(method: &str) -> RequestSketch {
    RequestSketch::new(method, "sip:bob@example.com")
}
