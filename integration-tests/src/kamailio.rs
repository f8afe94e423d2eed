//! Debian's Kamailio, tuned, as the peer that the proxy is measured against.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;
use crate::sip::Link;
use crate::subnet::Subnet;
use crate::wait::{self, SOON};

/// A running Kamailio: one UDP worker, the location table in memory, the fast allocator.
#[derive(Debug)]
pub struct Kamailio {
    subnet: Subnet,
    process: Process,
    _directory: TempDir,
}

impl Kamailio {
    /// Starts it on a loopback network of its own with the configuration of `peers/`.
    ///
    /// # Panics
    /// When Kamailio is missing or does not answer.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        let subnet = Subnet::claim();
        let directory = tempfile::tempdir().expect("a directory for Kamailio can be made");
        let sip = subnet.at(1, 5060);
        let mut command = Command::new("kamailio");
        command
            .arg("-f")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/kamailio.cfg"))
            // In the foreground, with logs on standard error.
            .args(["-DD", "-E"])
            // Debian's default allocator takes nearly twice the CPU per call.
            .args(["-x", "tlsf", "-X", "tlsf", "-m", "512", "-M", "32"])
            .arg("-A")
            .arg(format!("LISTEN=udp:{sip}"))
            .arg("-P")
            .arg(directory.path().join("pid"))
            .arg("-Y")
            .arg(directory.path());
        let log = directory.path().join("log");
        let process = Process::spawn("Kamailio", command, &log);
        let kamailio = Self { subnet, process, _directory: directory };
        wait::eventually("Kamailio answers", SOON, || kamailio.answers().then_some(()));
        kamailio
    }

    /// The loopback network.
    #[must_use]
    pub fn subnet(&self) -> &Subnet {
        &self.subnet
    }

    /// Where SIP is served.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        self.subnet.at(1, 5060)
    }

    /// The id of the main process, whose children do the work.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Whether any response comes to a request for an unknown user.
    fn answers(&self) -> bool {
        let mut link = Link::udp(self.subnet.host(50), self.sip());
        let local = link.local();
        let server = self.sip();
        let request = format!(
            "OPTIONS sip:nobody@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK-up\r\n\
             Max-Forwards: 70\r\nFrom: <sip:up@{server}>;tag=up\r\nTo: <sip:nobody@{server}>\r\n\
             Call-ID: up\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        link.send(request.as_bytes());
        link.receive(std::time::Duration::from_millis(200)).is_some()
    }
}
