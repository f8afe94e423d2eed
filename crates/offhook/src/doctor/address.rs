//! Which addresses do other parties get told?

use std::net::IpAddr;

use offhook_platform::address::local_addresses;
use offhook_platform::{Advertise, Advertised, Config, Found, Program, advertised};

use super::finding::Finding;

/// Looks at the advertised addresses of signalling and media.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let own = local_addresses();
    let mut findings = Vec::new();
    let mut bound: Vec<IpAddr> =
        config.sip.listen.iter().map(|listener| listener.addr.ip()).collect();
    bound.sort_unstable();
    bound.dedup();
    for ip in bound {
        if applies(config.sip.advertise, ip) {
            let found = advertised(config.sip.advertise, ip);
            findings.push(examine_one("SIP address", "sip.advertise", &found, ip, &own));
        }
    }
    if Program::Offhook.has_relay(config) {
        let bound = config.media_listen(Program::Offhook);
        let found = advertised(config.media.advertise, bound);
        findings.push(examine_one("media address", "media.advertise", &found, bound, &own));
    }
    findings
}

/// An address of one family says nothing about a listener of the other.
fn applies(setting: Advertise, bound: IpAddr) -> bool {
    match setting {
        Advertise::Auto => true,
        Advertise::Address(address) => address.is_ipv4() == bound.is_ipv4(),
    }
}

fn examine_one(
    subject: &'static str,
    key: &str,
    advertised: &Advertised,
    bound: IpAddr,
    own: &[IpAddr],
) -> Finding {
    let Advertised { address, found } = advertised;
    // The whole of 127.0.0.0/8 is this machine's, and only 127.0.0.1 is on its list.
    let is_own = address.is_loopback() || own.contains(address);
    let detail = format!("{address} ({found})");
    match found {
        Found::LoopbackOnly => Finding::warn(subject, detail).mend(format!(
            "connect this machine to a network, or set `{key}` to the address that phones reach"
        )),
        Found::Configured if !is_own => Finding::ok(
            subject,
            format!(
                "{detail}; it is none of this machine's, so a router in front must pass the ports on"
            ),
        ),
        Found::Listener if !is_own => {
            Finding::fail(subject, format!("{bound} is no address of this machine"))
                .mend("listen on an address that it has, or on 0.0.0.0 for all")
        }
        Found::Listener if address.is_loopback() => {
            Finding::ok(subject, format!("{detail}; only programs on this machine can connect"))
        }
        Found::Configured | Found::Listener | Found::DefaultRoute | Found::Interface(_) => {
            Finding::ok(subject, detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_an_address_was_found_decides() {
        let own: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "10.0.0.5".parse().unwrap()];
        let cases = [
            (
                "10.0.0.5",
                Found::DefaultRoute,
                "ok    SIP address    10.0.0.5 (source address of the default route)\n",
            ),
            ("127.0.0.1", Found::LoopbackOnly, "warn"),
            (
                "203.0.113.7",
                Found::Configured,
                "ok    SIP address    203.0.113.7 (configured); it is none of",
            ),
            ("10.9.9.9", Found::Listener, "FAIL  SIP address    10.9.9.9 is no address"),
        ];
        for (address, found, expected) in cases {
            let address = address.parse().unwrap();
            let finding = examine_one(
                "SIP address",
                "sip.advertise",
                &Advertised { address, found },
                address,
                &own,
            );
            let (text, _) = super::super::finding::report(&[finding]);
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
