//! What is printed once the server runs: where it listens, how to set up a phone, what to do next.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use offhook_platform::{Advertised, Config, Engage, MediaRelay};

use crate::first_start::Extension;

/// One listener for SIP.
#[derive(Clone, Debug)]
pub(crate) struct SipListener {
    /// `UDP` or `TCP`.
    pub(crate) transport: &'static str,
    /// Where it listens.
    pub(crate) local: SocketAddr,
    /// What phones are told.
    pub(crate) advertised: Advertised,
}

/// Everything that the summary tells.
pub(crate) struct Summary<'a> {
    pub(crate) config: &'a Config,
    /// How to call this program again, with the options that matter.
    pub(crate) command: &'a str,
    pub(crate) sip: &'a [SipListener],
    /// What the relay in this process tells phones; `None` if there is none.
    pub(crate) media: Option<&'a Advertised>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
    /// Extensions that this start created.
    pub(crate) created: &'a [Extension],
}

impl Summary<'_> {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\nOffhook {} is running.\n\n", env!("CARGO_PKG_VERSION"));
        for (name, content) in self.rows() {
            let _ = writeln!(text, "  {name:<9}{content}");
        }
        for warning in self.config.warnings() {
            let _ = write!(text, "\n  WARNING  {warning}.\n");
        }
        text.push_str(&self.phones());
        text.push_str(&self.next_commands());
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let mut name = "SIP";
        for listener in self.sip {
            rows.push((name, format!("{} {}", listener.transport, listener.local)));
            name = "";
        }
        name = "Address";
        for Advertised { address, found } in self.addresses() {
            rows.push((name, format!("{address} ({found})")));
            name = "";
        }
        rows.push(("Media", self.media_row()));
        rows.extend(self.http.map(|addr| ("HTTP", format!("http://{addr}/readyz"))));
        rows.extend(self.metrics.map(|addr| ("Metrics", format!("http://{addr}/metrics"))));
        rows.push(("Data", self.config.database_url().in_words()));
        rows
    }

    /// The advertised addresses, each once.
    fn addresses(&self) -> Vec<&Advertised> {
        let mut addresses: Vec<&Advertised> = Vec::new();
        for listener in self.sip {
            if !addresses.contains(&&listener.advertised) {
                addresses.push(&listener.advertised);
            }
        }
        addresses
    }

    fn media_row(&self) -> String {
        let media = &self.config.media;
        let which = match media.engage {
            Engage::Always => "every call",
            Engage::Nat => "calls of phones behind NAT",
            Engage::Never => return "sent directly between phones, not relayed".to_owned(),
        };
        match (&media.relay, self.media) {
            (MediaRelay::Ng(address), _) => format!("{which} through the relay at {address}"),
            (MediaRelay::Internal, Some(Advertised { address, .. })) => {
                format!("{which} relayed, RTP on UDP {} at {address}", media.rtp_ports)
            }
            (MediaRelay::Internal, None) => {
                format!("{which} relayed, RTP on UDP {}", media.rtp_ports)
            }
        }
    }

    fn phones(&self) -> String {
        let Some(first) = self.sip.first() else { return String::new() };
        let mut text = String::new();
        if self.created.is_empty() {
            text.push_str("\nSet up a phone with\n\n");
        } else {
            text.push_str("\nTwo phones can call each other at once. Set them up with\n\n");
        }
        let _ = writeln!(text, "  {:<11}{}", "Server", server(first));
        let _ = writeln!(text, "  {:<11}{}", "Transport", self.transports(first));
        if self.created.is_empty() {
            let _ = writeln!(text, "  {:<11}a user's name and password", "Account");
            return text;
        }
        let _ = writeln!(text, "\n  {:<11}Password", "User");
        for Extension { user, password } in self.created {
            let _ = writeln!(text, "  {:<11}{password}", user.to_string());
        }
        text.push_str(
            "\nThe passwords are shown this once. Then call 1002 from the phone of 1001.\n",
        );
        text
    }

    /// The transports that are offered at the address and port of `first`.
    fn transports(&self, first: &SipListener) -> String {
        let same = |listener: &&SipListener| {
            listener.advertised.address == first.advertised.address
                && listener.local.port() == first.local.port()
        };
        let names: Vec<&str> =
            self.sip.iter().filter(same).map(|listener| listener.transport).collect();
        names.join(" or ")
    }

    fn next_commands(&self) -> String {
        let commands = [
            ("user add 1003", "adds a user and prints its password"),
            ("user passwd 1001", "sets a new password"),
            ("registrations", "lists the phones that are registered"),
            ("doctor", "looks for what does not work"),
        ];
        let mut text = "\nNext\n\n".to_owned();
        for (command, purpose) in commands {
            let _ = writeln!(text, "  {} {command:<17} {purpose}", self.command);
        }
        text.push('\n');
        text
    }
}

/// What to type into the "server" field of a phone.
fn server(listener: &SipListener) -> String {
    let port = listener.local.port();
    match (listener.advertised.address, port) {
        (address, 5060) => address.to_string(),
        (IpAddr::V4(address), port) => format!("{address}:{port}"),
        (IpAddr::V6(address), port) => format!("[{address}]:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use offhook_directory::UserId;
    use offhook_platform::{Found, Program};

    use super::*;

    fn listener(transport: &'static str, port: u16) -> SipListener {
        let advertised =
            Advertised { address: "192.0.2.7".parse().unwrap(), found: Found::DefaultRoute };
        SipListener { transport, local: ([0, 0, 0, 0], port).into(), advertised }
    }

    fn summary(created: &[Extension], sip: &[SipListener]) -> String {
        let config = Config::for_program(Program::Offhook);
        let media = sip[0].advertised.clone();
        Summary {
            config: &config,
            command: "offhook",
            sip,
            media: Some(&media),
            http: config.http.listen,
            metrics: config.metrics.listen,
            created,
        }
        .text()
    }

    #[test]
    fn the_first_start_tells_how_to_make_a_call() {
        let created = ["1001", "1002"].map(|name| Extension {
            user: UserId::new(name, "").unwrap(),
            password: format!("secret-of-{name}"),
        });
        let expected = format!(
            "
Offhook {} is running.

  SIP      UDP 0.0.0.0:5060
           TCP 0.0.0.0:5060
  Address  192.0.2.7 (source address of the default route)
  Media    every call relayed, RTP on UDP 20000-29999 at 192.0.2.7
  HTTP     http://0.0.0.0:8080/readyz
  Metrics  http://127.0.0.1:9464/metrics
  Data     SQLite in ./offhook-data/offhook.db

Two phones can call each other at once. Set them up with

  Server     192.0.2.7
  Transport  UDP or TCP

  User       Password
  1001       secret-of-1001
  1002       secret-of-1002

The passwords are shown this once. Then call 1002 from the phone of 1001.

Next

  offhook user add 1003     adds a user and prints its password
  offhook user passwd 1001  sets a new password
  offhook registrations     lists the phones that are registered
  offhook doctor            looks for what does not work

",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(summary(&created, &[listener("UDP", 5060), listener("TCP", 5060)]), expected);
    }

    #[test]
    fn later_starts_tell_no_password() {
        let text = summary(&[], &[listener("UDP", 5070), listener("TCP", 5080)]);
        assert!(text.contains("  Server     192.0.2.7:5070\n  Transport  UDP\n"), "{text}");
        assert!(text.contains("  Account    a user's name and password\n"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
