//! A peer or a binary under test as a child process: its log, its signals, its end.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait;

/// A child process that does not outlive the thread that started it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// What is sent first when the process is dropped, before it is killed.
    farewell: Signal,
}

/// The signals that the tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Asks for an orderly end.
    Terminate,
    /// Asks for a quick end (Postgres: a fast shutdown).
    Interrupt,
    /// Ends the process at once; it gets no chance to do anything.
    Kill,
}

impl Process {
    /// Starts the command with its output appended to the log.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[track_caller]
    #[must_use]
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Self {
        let output = append(log);
        let errors = output.try_clone().expect("a log can be written by two descriptors");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        die_with_parent(&mut command);
        let child = command.spawn().unwrap_or_else(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            panic!("{name} cannot be started ({program}: {error}); `make test` installs the peers")
        });
        Self { name: name.to_owned(), child, log: log.to_owned(), farewell: Signal::Terminate }
    }

    /// Chooses the signal that is sent when the process is dropped.
    #[must_use]
    pub fn with_farewell(mut self, signal: Signal) -> Self {
        self.farewell = signal;
        self
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the process has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The exit status, if the process has ended.
    ///
    /// # Panics
    /// When the system refuses the question.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for its status")
    }

    /// Sends a signal. A process that has already ended takes no notice.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            send(self.child.id(), signal);
        }
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    /// When it has not ended in time.
    #[track_caller]
    pub fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        wait::eventually(&what, within, || self.exit_status())
    }

    /// Kills the process and waits for its end.
    ///
    /// # Panics
    /// When the system cannot end it.
    pub fn kill(&mut self) {
        self.signal(Signal::Kill);
        self.child.wait().expect("a killed child can be waited for");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.farewell);
        let deadline = wait::Deadline::after(FAREWELL);
        while matches!(self.child.try_wait(), Ok(None)) && !deadline.passed() {
            wait::pause(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            send(self.child.id(), Signal::Kill);
            // Nothing is left to be done about a child that cannot be reaped.
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            print_log(&self.name, &self.log());
        }
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Panics
/// When it cannot be started or fails.
#[track_caller]
pub fn run(what: &str, command: &mut Command) -> String {
    die_with_parent(command);
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        panic!("{what}: {program} cannot be started ({error}); `make test` installs the peers")
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}{errors}", output.status);
    text
}

/// Prints the end of a log where the test harness captures it.
#[expect(clippy::print_stderr, reason = "a failed test shows the logs of its processes")]
fn print_log(name: &str, log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines.len().saturating_sub(LOG_LINES_SHOWN);
    eprintln!("--- the log of {name} (its last {LOG_LINES_SHOWN} lines)");
    for line in &lines[tail..] {
        eprintln!("    {line}");
    }
}

fn append(log: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", log.display()))
}

/// Has the system kill the child when the thread that started it ends, so that a test that is
/// killed leaves nothing behind.
#[expect(unsafe_code, reason = "prctl between fork and exec has no safe form in std")]
fn die_with_parent(command: &mut Command) {
    let ask = || {
        // SAFETY: prctl is a bare system call; it is safe to make in a forked child.
        let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes one system call and neither allocates nor takes a lock.
    unsafe { command.pre_exec(ask) };
}

#[expect(unsafe_code, reason = "std sends no signal but SIGKILL")]
fn send(process: u32, signal: Signal) {
    let number = match signal {
        Signal::Terminate => libc::SIGTERM,
        Signal::Interrupt => libc::SIGINT,
        Signal::Kill => libc::SIGKILL,
    };
    let process = libc::pid_t::try_from(process).expect("a process id is positive");
    // SAFETY: kill is a bare system call; the id is that of our own child, which is not yet reaped.
    unsafe { libc::kill(process, number) };
}

const FAREWELL: Duration = Duration::from_secs(5);
const LOG_LINES_SHOWN: usize = 200;
