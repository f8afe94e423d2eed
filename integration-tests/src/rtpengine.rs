//! Debian's rtpengine, relaying in user space, as a media relay that is not ours.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::process::Process;
use crate::subnet::Subnet;
use crate::wait::{self, SOON};

/// A running rtpengine.
#[derive(Debug)]
pub struct Rtpengine {
    ng: SocketAddr,
    _process: Process,
    _directory: TempDir,
    _subnet: Subnet,
}

impl Rtpengine {
    /// Starts a relay on a loopback network of its own.
    ///
    /// # Panics
    /// When rtpengine is missing or does not come up.
    #[track_caller]
    #[must_use]
    pub fn start() -> Self {
        let subnet = Subnet::claim();
        let directory = tempfile::tempdir().expect("a directory for rtpengine can be made");
        let ng = subnet.at(1, 2223);
        let mut command = Command::new("rtpengine");
        command
            .args(["--foreground", "--log-stderr", "--log-level=6", "--table=-1", "--no-fallback"])
            .args(["--num-threads=2", "--port-min=20000", "--port-max=20999"])
            .arg(format!("--interface={}", subnet.host(1)))
            .arg(format!("--listen-ng={ng}"))
            .arg("--config-file=none")
            .arg("--pidfile")
            .arg(directory.path().join("pid"));
        let log = directory.path().join("log");
        let process = Process::spawn("rtpengine", command, &log);
        let relay = Self { ng, _process: process, _directory: directory, _subnet: subnet };
        wait::eventually("rtpengine answers a ping", SOON, || relay.answers_ping().then_some(()));
        relay
    }

    /// Where it takes ng commands.
    #[must_use]
    pub fn ng(&self) -> SocketAddr {
        self.ng
    }

    fn answers_ping(&self) -> bool {
        let exchange = || {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            socket.set_read_timeout(Some(std::time::Duration::from_millis(200)))?;
            socket.send_to(b"cookie d7:command4:pinge", self.ng)?;
            let mut answer = [0; 256];
            let count = socket.recv(&mut answer)?;
            Ok::<_, std::io::Error>(answer[..count].windows(4).any(|word| word == b"pong"))
        };
        exchange().unwrap_or(false)
    }
}
