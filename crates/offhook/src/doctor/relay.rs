//! Is the media relay there?

use std::io;
use std::net::{IpAddr, UdpSocket};

use offhook_ng_protocol::{Command, Reply};
use offhook_platform::{Config, Engage, MediaRelay, PortRange, Program};
use offhook_proxy_service::{MediaControl, remote_media};

use super::finding::Finding;

const SUBJECT: &str = "media relay";

/// Looks for a relay elsewhere, or whether this machine lets one work here. `pid` is the running
/// server's, which holds ports of its own.
pub(super) async fn examine(config: &Config, pid: Option<u32>) -> Finding {
    if config.media.engage == Engage::Never {
        return Finding::ok(
            SUBJECT,
            "not used: `media.engage` is \"never\", and phones send media to each other",
        );
    }
    match &config.media.relay {
        MediaRelay::Internal => {
            let bound = config.media_listen(Program::Offhook);
            examine_internal(bound, config.media.rtp_ports, pid)
        }
        MediaRelay::Ng(address) => examine_remote(config, &address.to_string()).await,
    }
}

async fn examine_remote(config: &Config, address: &str) -> Finding {
    let mend = "start the relay, or correct `media.relay`; a firewall must let UDP through to it";
    let client = match remote_media(config).await {
        Ok(MediaControl::Remote(client)) => client,
        Ok(MediaControl::None | MediaControl::InProcess(_)) => {
            return Finding::ok(SUBJECT, "not used");
        }
        Err(error) => return Finding::fail(SUBJECT, error.to_string()).mend(mend),
    };
    match client.execute(&Command::Ping).await {
        Ok(Reply::Pong) => Finding::ok(SUBJECT, format!("{address} answers")),
        Ok(
            Reply::Ok { .. }
            | Reply::Sdp { .. }
            | Reply::Report { .. }
            | Reply::Calls(_)
            | Reply::LoadLimit { .. }
            | Reply::Error { .. },
        ) => Finding::fail(SUBJECT, format!("{address} answers a ping with something else"))
            .mend("`media.relay` must name the ng control port of a relay"),
        Err(error) => Finding::fail(SUBJECT, error.to_string()).mend(mend),
    }
}

/// How many pairs of ports are tried, spread over the range.
const TRIED_PAIRS: u32 = 16;

fn examine_internal(ip: IpAddr, range: PortRange, pid: Option<u32>) -> Finding {
    let pairs = range.ports() / 2;
    let step = (pairs / TRIED_PAIRS).max(1);
    let tried: Vec<io::Result<()>> = (0..pairs)
        .step_by(usize::try_from(step).unwrap_or(usize::MAX))
        .take(TRIED_PAIRS as usize)
        .filter_map(|pair| u16::try_from(u32::from(range.first()) + 2 * pair).ok())
        .map(|port| try_pair(ip, port))
        .collect();
    let free = tried.iter().filter(|result| result.is_ok()).count();
    let held = tried.len() - free;
    let Some(error) = tried.into_iter().find_map(Result::err) else {
        return Finding::ok(
            SUBJECT,
            format!("in this process, RTP ports {range} can be opened on {ip}"),
        );
    };
    let detail =
        format!("{held} of {} RTP ports tried on {ip} cannot be opened: {error}", held + free);
    match (free, pid) {
        (0, _) => Finding::fail(SUBJECT, detail).mend("choose other ports with `media.rtp_ports`"),
        (_, Some(_)) => Finding::ok(
            SUBJECT,
            format!("in this process, RTP ports {range}, some in use by calls"),
        ),
        (_, None) => Finding::warn(SUBJECT, detail)
            .mend("another program uses some of them: choose other ports with `media.rtp_ports`"),
    }
}

/// RTP on the even port and RTCP on the odd one above.
fn try_pair(ip: IpAddr, port: u16) -> io::Result<()> {
    let _rtp = UdpSocket::bind((ip, port))?;
    UdpSocket::bind((ip, port + 1)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::finding::report;
    use super::*;

    #[test]
    fn ports_that_are_taken_are_told() {
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        // A free pair, found by letting the system choose; another process may take it meanwhile.
        let taken = UdpSocket::bind((loopback, 0)).unwrap();
        let port = taken.local_addr().unwrap().port() & !1;
        let range = PortRange::new(port, port + 3).unwrap();
        let (text, _) = report(&[examine_internal(loopback, range, None)]);
        assert!(text.starts_with("warn") || text.starts_with("FAIL"), "{text}");
        let nowhere: IpAddr = "192.0.2.1".parse().unwrap();
        let (text, _) = report(&[examine_internal(nowhere, range, None)]);
        assert!(text.starts_with("FAIL"), "{text}");
    }
}
