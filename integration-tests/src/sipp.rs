//! SIPp as a load of calls, with scenarios of our own and its statistics read back.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::baresip::Transport;
use crate::process::Process;
use crate::wait::{self, SOON};

/// A SIPp process to be.
#[derive(Debug)]
pub struct Sipp {
    scenario: String,
    command: Command,
    directory: TempDir,
    local: SocketAddr,
    transport: Transport,
}

/// What SIPp counted in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls that went through the whole scenario.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
    /// Messages that had to be sent again.
    pub retransmissions: u64,
}

impl Sipp {
    /// Prepares a scenario of `scenarios/`, bound to a local address.
    ///
    /// # Panics
    /// When no directory can be made for the statistics.
    #[must_use]
    pub fn new(scenario: &str, local: (Ipv4Addr, u16), transport: Transport) -> Self {
        let directory = tempfile::tempdir().expect("a directory for SIPp can be made");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
        let mut command = Command::new("sipp");
        let sockets = match transport {
            Transport::Udp => "u1",
            Transport::Tcp => "t1",
        };
        command
            .current_dir(directory.path())
            // Without a terminal SIPp still draws its screens; a dumb one keeps them small.
            .env("TERM", "dumb")
            .args(["-nostdin", "-timer_resol", "1", "-buff_size", "4194304", "-t", sockets])
            .arg("-sf")
            .arg(file.with_extension("xml"))
            .args(["-i", &local.0.to_string(), "-p", &local.1.to_string()])
            .args(["-trace_err", "-error_file", "errors", "-trace_stat", "-stf", STATISTICS]);
        Self { scenario: scenario.to_owned(), command, directory, local: local.into(), transport }
    }

    /// Sends towards a server.
    #[must_use]
    pub fn towards(mut self, server: SocketAddr) -> Self {
        self.command.arg(server.to_string());
        self
    }

    /// Sets a `[key]` of the scenario.
    #[must_use]
    pub fn key(mut self, key: &str, value: &str) -> Self {
        self.command.args(["-key", key, value]);
        self
    }

    /// Sets `[user]`, and what `[authentication]` answers challenges with.
    #[must_use]
    pub fn credentials(mut self, user: &str, password: &str) -> Self {
        self.command.args(["-au", user, "-ap", password]);
        self.key("user", user)
    }

    /// Limits the run to so many calls, started at a rate per second.
    #[must_use]
    pub fn calls(mut self, count: u64, rate: u64) -> Self {
        let limit = (rate * 40).max(100).to_string();
        self.command.args(["-m", &count.to_string(), "-r", &rate.to_string(), "-l", &limit]);
        self
    }

    /// Holds each call for so long.
    #[must_use]
    pub fn hold(mut self, span: Duration) -> Self {
        self.command.args(["-d", &span.as_millis().to_string()]);
        self
    }

    /// Starts the scenario.
    ///
    /// # Panics
    /// When SIPp is missing.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> Running {
        let log = self.directory.path().join("screen");
        let name = format!("SIPp ({})", self.scenario);
        let Self { scenario, command, directory, local, transport } = self;
        let process = Process::spawn(&name, command, &log);
        Running { scenario, process, directory, local, transport }
    }
}

/// A SIPp process.
#[derive(Debug)]
pub struct Running {
    scenario: String,
    process: Process,
    directory: TempDir,
    local: SocketAddr,
    transport: Transport,
}

impl Running {
    /// Waits until the answering side has its socket.
    ///
    /// # Panics
    /// When it has none in time.
    #[track_caller]
    pub fn wait_listening(&mut self) {
        let what = format!("SIPp ({}) listens at {}", self.scenario, self.local);
        wait::eventually(&what, SOON, || {
            let ended = self.process.exit_status();
            assert!(ended.is_none(), "SIPp has ended: {}", self.errors());
            // The address is taken once SIPp has bound it.
            let taken = match self.transport {
                Transport::Udp => UdpSocket::bind(self.local).is_err(),
                Transport::Tcp => TcpListener::bind(self.local).is_err(),
            };
            taken.then_some(())
        });
    }

    /// Waits until all calls are done, and returns the counts.
    ///
    /// # Panics
    /// When SIPp does not end in time.
    #[track_caller]
    pub fn finish(mut self, within: Duration) -> Statistics {
        self.process.wait_for_exit(within);
        self.statistics()
    }

    /// Waits until all calls are done, none of which may have failed.
    ///
    /// # Panics
    /// When a call failed or the count is not the expected one.
    #[track_caller]
    pub fn finish_clean(mut self, calls: u64, within: Duration) -> Statistics {
        self.process.wait_for_exit(within);
        let statistics = self.statistics();
        let all_well = statistics.failed == 0 && statistics.successful == calls;
        assert!(all_well, "{}: {statistics:?}\n{}", self.scenario, self.errors());
        statistics
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn errors(&self) -> String {
        let errors = std::fs::read_to_string(self.directory.path().join("errors"));
        let errors = errors.unwrap_or_default();
        errors.chars().take(4000).collect()
    }

    /// The last line of the statistics file against its first, which names the columns.
    fn statistics(&self) -> Statistics {
        let path: PathBuf = self.directory.path().join(STATISTICS);
        let text = std::fs::read_to_string(&path);
        let text =
            text.unwrap_or_else(|error| panic!("no statistics ({error}): {}", self.errors()));
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split(';').collect();
        let values: Vec<&str> = lines.next_back().unwrap_or_default().split(';').collect();
        let count = |name: &str| {
            let column = names.iter().position(|column| *column == name);
            let value = column.and_then(|column| values.get(column));
            value
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("no {name}: {text}"))
        };
        Statistics {
            successful: count("SuccessfulCall(C)"),
            failed: count("FailedCall(C)"),
            retransmissions: count("Retransmissions(C)"),
        }
    }
}

const STATISTICS: &str = "statistics.csv";
