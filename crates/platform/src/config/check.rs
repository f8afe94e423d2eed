//! Rules that span several keys.

use std::net::{IpAddr, SocketAddr};

use super::Config;
use super::advertise::Advertise;
use super::choice::AuthMode;
use super::fault::{Bound, Conflict, Fault};
use super::listen::{ListenTransport, addresses_clash};
use super::program::Program;
use super::relay::MediaRelay;

/// Everything in `config` that does not go together.
pub(super) fn conflicts(config: &Config, program: Program) -> Vec<Fault> {
    let mut faults = Vec::new();
    if program.has_sip() {
        faults.extend(no_listener(config));
        faults.extend(open_beyond_loopback(config));
        faults.extend(no_digest_algorithm(config));
        faults.extend(expires_order(config));
        faults.extend(sip_advertise_family(config));
        faults.extend(no_internal_relay(config, program));
    }
    let sockets = sockets(config, program);
    faults.extend(same_port(config, &sockets));
    if program.has_relay(config) {
        faults.extend(in_rtp_range(config, &sockets));
        faults.extend(media_advertise_family(config));
    }
    faults
}

fn fault(config: &Config, conflict: Conflict, keys: &[&str]) -> Fault {
    let mut places = keys.iter().filter_map(|key| Some((*key, config.origin(key)?.clone())));
    let first = places.next();
    let mut fault = Fault::new(conflict, first.map(|(_, place)| place));
    fault.related = places.map(|(key, place)| (format!("`{key}` was set here"), place)).collect();
    fault
}

fn no_listener(config: &Config) -> Option<Fault> {
    let advice = "for example listen = [\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"]";
    config
        .sip
        .listen
        .is_empty()
        .then(|| fault(config, Conflict::NoListener, &["sip.listen"]).advice(advice))
}

fn no_digest_algorithm(config: &Config) -> Option<Fault> {
    let advice = "for example digest_algorithms = [\"SHA-256\", \"MD5\"]";
    let missing = config.sip.auth == AuthMode::Digest && config.sip.digest_algorithms.is_empty();
    missing.then(|| {
        fault(config, Conflict::NoDigestAlgorithm, &["sip.digest_algorithms"]).advice(advice)
    })
}

/// Whoever reaches a listener without authentication can call on the owner's account.
fn open_beyond_loopback(config: &Config) -> Option<Fault> {
    if config.sip.auth != AuthMode::Off || config.sip.allow_auth_off_beyond_loopback {
        return None;
    }
    let open = config.sip.listen.iter().find(|listener| !listener.addr.ip().is_loopback())?;
    let advice = "keep auth = \"digest\", or listen on loopback only (\"udp:127.0.0.1:5060\"), or set \
                  `sip.allow_auth_off_beyond_loopback` to true in a closed laboratory";
    let keys = ["sip.auth", "sip.listen"];
    Some(fault(config, Conflict::OpenBeyondLoopback(*open), &keys).advice(advice))
}

fn expires_order(config: &Config) -> Option<Fault> {
    let limits = &config.registrar;
    let (min, default, max) =
        (limits.min_expires_s.get(), limits.default_expires_s.get(), limits.max_expires_s.get());
    let keys =
        ["registrar.min_expires_s", "registrar.default_expires_s", "registrar.max_expires_s"];
    let conflict = Conflict::ExpiresOrder { min, default, max };
    (min > default || default > max).then(|| fault(config, conflict, &keys))
}

fn sip_advertise_family(config: &Config) -> Option<Fault> {
    let Advertise::Address(advertise) = config.sip.advertise else { return None };
    let served = config.sip.listen.iter().any(|listener| serves(listener.addr.ip(), advertise));
    let conflict = Conflict::AdvertiseFamily { advertise_key: "sip.advertise", advertise };
    (!served && !config.sip.listen.is_empty())
        .then(|| fault(config, conflict, &["sip.advertise", "sip.listen"]))
}

fn media_advertise_family(config: &Config) -> Option<Fault> {
    let Advertise::Address(advertise) = config.media.advertise else { return None };
    let conflict = Conflict::AdvertiseFamily { advertise_key: "media.advertise", advertise };
    (!serves(config.media.listen, advertise))
        .then(|| fault(config, conflict, &["media.advertise", "media.listen"]))
}

fn serves(bound: IpAddr, advertised: IpAddr) -> bool {
    bound.is_ipv4() == advertised.is_ipv4()
}

fn no_internal_relay(config: &Config, program: Program) -> Option<Fault> {
    use super::choice::Engage;
    let engaged = match config.media.engage {
        Engage::Always | Engage::Nat => true,
        Engage::Never => false,
    };
    let missing = engaged && config.media.relay == MediaRelay::Internal && !program.is_all_in_one();
    missing.then(|| {
        let advice = "name the relay's control address, such as relay = \"udp:127.0.0.1:2223\"";
        fault(config, Conflict::NoInternalRelay(program.name()), &["media.relay"]).advice(advice)
    })
}

/// Every socket that `program` opens, apart from the RTP ports.
fn sockets(config: &Config, program: Program) -> Vec<Bound> {
    let mut sockets = Vec::new();
    let mut add = |key, transport, addr: Option<SocketAddr>| {
        sockets.extend(addr.map(|addr| Bound { key, transport, addr }));
    };
    if program.has_sip() {
        for listener in &config.sip.listen {
            add("sip.listen", listener.transport.as_str(), Some(listener.addr));
        }
    }
    let tcp = ListenTransport::Tcp.as_str();
    add("http.listen", tcp, config.http.listen);
    add("metrics.listen", tcp, config.metrics.listen);
    if program.has_relay(config) {
        add("media.listen_ng", ListenTransport::Udp.as_str(), config.media.listen_ng);
    }
    sockets
}

fn same_port(config: &Config, sockets: &[Bound]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, second) in sockets.iter().enumerate() {
        let clash = |first: &&Bound| {
            first.transport == second.transport && addresses_clash(first.addr, second.addr)
        };
        if let Some(first) = sockets[..at].iter().find(clash) {
            let conflict = Conflict::SamePort { first: first.clone(), second: second.clone() };
            let mut keys = vec![second.key, first.key];
            keys.dedup();
            faults.push(fault(config, conflict, &keys));
        }
    }
    faults
}

fn in_rtp_range(config: &Config, sockets: &[Bound]) -> Vec<Fault> {
    let range = config.media.rtp_ports;
    let overlaps = |ip: IpAddr| {
        addresses_clash(
            SocketAddr::new(ip, range.first()),
            SocketAddr::new(config.media.listen, range.first()),
        )
    };
    sockets
        .iter()
        .filter(|socket| socket.transport == ListenTransport::Udp.as_str())
        .filter(|socket| range.contains(socket.addr.port()) && overlaps(socket.addr.ip()))
        .map(|socket| {
            let conflict = Conflict::InRtpRange { socket: socket.clone(), range };
            fault(config, conflict, &[socket.key, "media.rtp_ports"])
        })
        .collect()
}
