//! Phones: Debian's baresip, one process per phone, driven over its control connection.
//!
//! Each phone plays a tone of its own from a WAV file and records what it hears (its `sndfile`
//! filter writes the decoded audio while the call runs).

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::subnet::Subnet;
use crate::tone::{self, Heard, Tone};
use crate::wait::{self, Deadline, SOON};

/// The transport that a phone registers and calls over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SIP over UDP.
    Udp,
    /// SIP over TCP.
    Tcp,
}

/// What a phone is set up with.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The user part of its address.
    pub user: &'a str,
    /// The password of its digest answers.
    pub password: &'a str,
    /// The address that it registers with; also the host of its own address.
    pub registrar: SocketAddr,
    /// The transport to the registrar.
    pub transport: Transport,
}

/// A running phone.
#[derive(Debug)]
pub struct Baresip {
    user: String,
    tone: Tone,
    registrar: SocketAddr,
    control: Control,
    process: Process,
    directory: TempDir,
}

impl Baresip {
    /// Starts a phone, which begins to register at once.
    ///
    /// `number` tells the phones of one test apart: their control ports and their tones.
    ///
    /// # Panics
    /// When baresip is missing or does not come up.
    #[track_caller]
    #[must_use]
    pub fn start(subnet: &Subnet, number: usize, account: Account<'_>) -> Self {
        Self::start_at(PHONE_ADDRESS, subnet, number, account)
    }

    /// Starts a phone at an address of another network than loopback.
    ///
    /// # Panics
    /// When baresip is missing or does not come up.
    #[track_caller]
    #[must_use]
    pub fn start_at(
        address: Ipv4Addr,
        subnet: &Subnet,
        number: usize,
        account: Account<'_>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the phone can be made");
        let tone = Tone::ALL[number];
        let control = subnet.at(CONTROL_HOST + number as u8, CONTROL_PORT);
        write_configuration(directory.path(), tone, address, control, account);
        let mut command = Command::new("baresip");
        command.arg("-f").arg(directory.path());
        let name = format!("the phone of {}", account.user);
        let log = directory.path().join("log");
        let process = Process::spawn(&name, command, &log);
        let control = Control::connect(&name, control);
        let user = account.user.to_owned();
        Self { user, tone, registrar: account.registrar, control, process, directory }
    }

    /// The user part of the phone's address.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The tone that the phone plays.
    #[must_use]
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// Everything that the phone has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the registrar has accepted the phone.
    #[track_caller]
    pub fn wait_registered(&mut self) {
        let what = format!("{} registers", self.user);
        wait::eventually(&what, SOON, || {
            let report = self.control.ask("reginfo", None);
            report.contains("OK").then_some(())
        });
    }

    /// Waits until the registrar has refused the phone, and returns what the phone printed.
    #[track_caller]
    pub fn wait_refused(&mut self) -> String {
        let what = format!("{} is refused", self.user);
        wait::eventually(&what, SOON, || {
            let report = self.control.ask("reginfo", None);
            report.contains("ERR").then(|| self.process.log())
        })
    }

    /// Calls a user of the registrar's domain.
    #[track_caller]
    pub fn dial(&mut self, user: &str) {
        let target = format!("sip:{user}@{}", self.registrar.ip());
        self.control.order("dial", Some(&target));
    }

    /// Accepts the call that rings.
    #[track_caller]
    pub fn answer(&mut self) {
        self.control.order("accept", None);
    }

    /// Ends the call, in whatever state: hangs up, cancels, or rejects as busy.
    #[track_caller]
    pub fn hang_up(&mut self) {
        self.control.order("hangup", None);
    }

    /// Waits until a call comes in, and returns the caller's address.
    #[track_caller]
    pub fn wait_incoming(&mut self) -> String {
        self.control.wait_event("CALL_INCOMING")
    }

    /// Waits until the called phone rings.
    #[track_caller]
    pub fn wait_ringing(&mut self) {
        self.control.wait_event("CALL_RINGING");
    }

    /// Waits until the call is answered.
    #[track_caller]
    pub fn wait_established(&mut self) {
        self.control.wait_event("CALL_ESTABLISHED");
    }

    /// Waits until the call has ended, and returns why: a status and its reason for a refused
    /// call, a sentence for others.
    #[track_caller]
    pub fn wait_closed(&mut self) -> String {
        self.control.wait_event("CALL_CLOSED")
    }

    /// Waits until the recording of the current call holds the other's tone clearly for at least
    /// a second, without this phone's own tone in it.
    ///
    /// # Panics
    /// When the tone is not heard in time or when the phone hears itself.
    #[track_caller]
    pub fn wait_hears(&self, other: Tone) {
        let recording = self.newest_recording();
        let start = tone::read_wav(&recording).len();
        let mut heard = Heard::default();
        let deadline = Deadline::after(SOON);
        while heard.clear < 10 {
            let samples = tone::read_wav(&recording);
            heard = Heard::in_samples(&samples[start..], other, self.tone);
            let user = &self.user;
            assert!(heard.unwanted == 0, "{user} hears its own tone: {heard:?}");
            assert!(!deadline.passed(), "{user} does not hear {other:?}: {heard:?}");
            wait::pause(Duration::from_millis(50));
        }
    }

    /// Calls another phone, which rings and answers.
    ///
    /// # Panics
    /// When the call does not come about or shows another caller.
    #[track_caller]
    pub fn call(&mut self, other: &mut Self) {
        self.dial(&other.user);
        let from = other.wait_incoming();
        assert!(from.contains(&self.user), "the caller is shown as {from}");
        self.wait_ringing();
        other.answer();
        self.wait_established();
        other.wait_established();
    }

    /// Waits until both phones hear each other.
    #[track_caller]
    pub fn wait_talks_with(&self, other: &Self) {
        self.wait_hears(other.tone);
        other.wait_hears(self.tone);
    }

    /// Hangs up, which also ends the call for the other phone.
    #[track_caller]
    pub fn end_call(&mut self, other: &mut Self) {
        self.hang_up();
        self.wait_closed();
        other.wait_closed();
    }

    #[track_caller]
    fn newest_recording(&self) -> PathBuf {
        let directory = self.directory.path().join(RECORDINGS);
        wait::eventually(&format!("{} records", self.user), SOON, || {
            let entries = std::fs::read_dir(&directory).ok()?;
            let paths = entries.flatten().map(|entry| entry.path());
            paths.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).max()
        })
    }
}

fn write_configuration(
    directory: &Path,
    tone: Tone,
    address: Ipv4Addr,
    control: SocketAddr,
    account: Account<'_>,
) {
    let recordings = directory.join(RECORDINGS);
    std::fs::create_dir(&recordings).expect("a directory for recordings can be made");
    let wav = directory.join("tone.wav");
    tone.write_wav(&wav, TONE_SECONDS);
    let configuration = format!(
        "poll_method epoll\n\
         sip_listen {address}:0\n\
         net_interface {address}\n\
         rtp_ports {RTP_PORTS}\n\
         call_max_calls 1\n\
         call_local_timeout 60\n\
         audio_source aufile,{wav}\n\
         audio_player aubridge,speaker\n\
         audio_alert aubridge,bell\n\
         ausrc_srate 8000\n\
         auplay_srate 8000\n\
         ausrc_channels 1\n\
         auplay_channels 1\n\
         module_path {modules}\n\
         module g711.so\n\
         module aufile.so\n\
         module aubridge.so\n\
         module sndfile.so\n\
         snd_path {recordings}\n\
         module_app account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n\
         ctrl_tcp_listen {control}\n",
        wav = wav.display(),
        modules = modules().display(),
        recordings = recordings.display(),
    );
    let Account { user, password, registrar, transport } = account;
    let transport = match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    };
    let own = format!("sip:{user}@{}{transport}", registrar.ip());
    let accounts = format!("<{own}>;auth_user={user};auth_pass={password};regint=600\n");
    let files =
        [("config", configuration.as_str()), ("accounts", accounts.as_str()), ("contacts", "")];
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("a phone's file can be written");
    }
}

/// Where the package keeps the modules: it differs between architectures and releases.
fn modules() -> PathBuf {
    let known = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"].map(PathBuf::from);
    let multiarch = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let multiarch = multiarch.map(|entry| entry.path().join("baresip/modules"));
    let found = known.into_iter().chain(multiarch).find(|path| path.is_dir());
    found.expect("baresip's modules are installed (`make test` installs them)")
}

/// The control connection: netstrings of JSON, answers and events in one stream.
#[derive(Debug)]
struct Control {
    name: String,
    stream: TcpStream,
    received: Vec<u8>,
    events: VecDeque<Value>,
    answers: VecDeque<Value>,
}

impl Control {
    #[track_caller]
    fn connect(name: &str, address: SocketAddr) -> Self {
        let what = format!("{name} takes orders at {address}");
        let stream = wait::eventually(&what, SOON, || TcpStream::connect(address).ok());
        let timeout = Some(Duration::from_millis(20));
        stream.set_read_timeout(timeout).expect("a socket takes a timeout");
        Self {
            name: name.to_owned(),
            stream,
            received: Vec::new(),
            events: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    /// Gives an order that must succeed.
    #[track_caller]
    fn order(&mut self, command: &str, parameter: Option<&str>) {
        let answer = self.exchange(command, parameter);
        assert_eq!(answer["ok"], json!(true), "{}: {command} fails: {answer}", self.name);
    }

    /// Asks a question and returns the text of the answer.
    #[track_caller]
    fn ask(&mut self, command: &str, parameter: Option<&str>) -> String {
        let answer = self.exchange(command, parameter);
        answer["data"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn exchange(&mut self, command: &str, parameter: Option<&str>) -> Value {
        let mut message = json!({ "command": command, "token": command });
        if let Some(parameter) = parameter {
            message["params"] = json!(parameter);
        }
        let message = message.to_string();
        let netstring = format!("{}:{message},", message.len());
        self.stream.write_all(netstring.as_bytes()).expect("a phone takes orders");
        let what = format!("{} answers to {command}", self.name);
        wait::eventually(&what, SOON, || {
            self.read();
            self.answers.pop_front()
        })
    }

    /// Waits for an event of the type and returns its parameter; events before it are passed over.
    #[track_caller]
    fn wait_event(&mut self, kind: &str) -> String {
        let what = format!("{} reports {kind}", self.name);
        wait::eventually(&what, SOON, || {
            self.read();
            while let Some(event) = self.events.pop_front() {
                if event["type"] == kind {
                    return Some(event["param"].as_str().unwrap_or_default().to_owned());
                }
            }
            None
        })
    }

    fn read(&mut self) {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(count) => self.received.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{} has closed its control connection: {error}", self.name),
        }
        while let Some(value) = self.next_value() {
            let queue =
                if value["response"] == true { &mut self.answers } else { &mut self.events };
            queue.push_back(value);
        }
    }

    /// Takes one whole netstring off the received bytes.
    fn next_value(&mut self) -> Option<Value> {
        let colon = self.received.iter().position(|&byte| byte == b':')?;
        let digits = std::str::from_utf8(&self.received[..colon]).expect("a netstring's length");
        let length: usize = digits.parse().expect("a netstring's length is a number");
        let body = colon + 1..colon + 1 + length;
        // The comma after the body belongs to the netstring.
        if self.received.len() <= body.end {
            return None;
        }
        let value = serde_json::from_slice(&self.received[body.clone()]).expect("a phone's JSON");
        self.received.drain(..=body.end);
        Some(value)
    }
}

/// Where phones live unless a test says otherwise: RTP leaves from this address whatever the phone
/// binds, and a phone whose packets come from where its SDP says is the plain case.
const PHONE_ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Below the system's ephemeral ports and apart from the relay's.
const RTP_PORTS: &str = "10000-19999";
/// The phones' control connections are on hosts of the test's own network from here on.
const CONTROL_HOST: u8 = 100;
const CONTROL_PORT: u16 = 4444;
const RECORDINGS: &str = "recordings";
const TONE_SECONDS: u32 = 120;
