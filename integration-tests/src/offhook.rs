//! The binaries under test, each with a data directory and a loopback network of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::baresip::{Account, Baresip, Transport};
use crate::http;
use crate::postgres;
use crate::process::{self, Process, Signal};
use crate::sip::Agent;
use crate::subnet::Subnet;
use crate::wait::{self, SOON};

/// The database under the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// The embedded one: a file in the data directory.
    Sqlite,
    /// A server that the tests start.
    Postgres,
}

/// A binary of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Everything in one process.
    Offhook,
    /// Registrar and proxy alone.
    Proxy,
    /// The media relay alone.
    Media,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Offhook => "offhook",
            Self::Proxy => "offhook-proxy",
            Self::Media => "offhook-media",
        }
    }

    /// The executable: in `BINARIES_UNDER_TEST` where that is set, else freshly built by cargo.
    ///
    /// # Panics
    /// When the workspace cannot be built.
    #[must_use]
    pub fn path(self) -> PathBuf {
        static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
        let directory = DIRECTORY.get_or_init(|| {
            std::env::var_os("BINARIES_UNDER_TEST").map_or_else(build, PathBuf::from)
        });
        directory.join(self.name())
    }
}

/// Builds the binaries in the profile of this test and returns where they are.
fn build() -> PathBuf {
    let executable = std::env::current_exe().expect("a test knows its executable");
    // target/<profile>/deps/<test>
    let directory = executable.ancestors().nth(2).expect("tests are built into a target directory");
    let target = directory.parent().expect("a profile's directory is in the target directory");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target);
    if directory.ends_with("release") {
        command.arg("--release");
    }
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    process::run("the binaries are built", &mut command);
    directory.to_owned()
}

/// What to start, before it is started.
#[derive(Debug)]
pub struct Setup {
    program: Program,
    storage: Option<Storage>,
    settings: Vec<(String, String)>,
    subnet: Subnet,
}

impl Setup {
    /// The platform in one process.
    #[must_use]
    pub fn offhook(storage: Storage) -> Self {
        Self::of(Program::Offhook, Some(storage))
    }

    /// The registrar and proxy alone, with media left to `relay` (an ng address).
    #[must_use]
    pub fn proxy(storage: Storage, relay: SocketAddr) -> Self {
        let relay = format!("\"udp:{relay}\"");
        Self::of(Program::Proxy, Some(storage)).set("media.relay", relay)
    }

    /// The media relay alone, under control of port 2223.
    #[must_use]
    pub fn media() -> Self {
        let setup = Self::of(Program::Media, None);
        let ng = setup.subnet.at(HOST, NG_PORT);
        setup.set("media.listen_ng", format!("\"{ng}\""))
    }

    fn of(program: Program, storage: Option<Storage>) -> Self {
        let subnet = Subnet::claim();
        let sip = subnet.at(HOST, SIP_PORT);
        let http = subnet.at(HOST, HTTP_PORT);
        let metrics = subnet.at(HOST, METRICS_PORT);
        let address = subnet.host(HOST);
        let setup = Self { program, storage, settings: Vec::new(), subnet };
        let setup = match program {
            Program::Offhook | Program::Proxy => {
                setup.set("sip.listen", format!("[\"udp:{sip}\", \"tcp:{sip}\"]"))
            }
            Program::Media => setup,
        };
        let setup = match program {
            Program::Offhook | Program::Media => setup
                .set("media.listen", format!("\"{address}\""))
                .set("media.rtp_ports", "\"20000-20999\""),
            Program::Proxy => setup,
        };
        setup
            .set("http.listen", format!("\"{http}\""))
            .set("metrics.listen", format!("\"{metrics}\""))
    }

    /// Sets a configuration key to a TOML value.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Starts the program and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> Offhook {
        let mut offhook = self.prepare();
        offhook.start();
        offhook
    }

    /// Prepares everything without starting the program.
    ///
    /// # Panics
    /// When no data directory can be made.
    #[must_use]
    pub fn prepare(mut self) -> Offhook {
        if self.storage == Some(Storage::Postgres) {
            let url = postgres::create_database();
            self = self.set("database.url", format!("\"{url}\""));
        }
        let directory = tempfile::tempdir().expect("a data directory can be made");
        Offhook { setup: self, process: None, directory }
    }
}

/// A program under test, running or stopped, with its data.
#[derive(Debug)]
pub struct Offhook {
    setup: Setup,
    /// Declared before the directory, so that the process has ended when its data goes.
    process: Option<Process>,
    directory: TempDir,
}

impl Offhook {
    /// The loopback network of the test.
    #[must_use]
    pub fn subnet(&self) -> &Subnet {
        &self.setup.subnet
    }

    /// Where SIP is served, over UDP and TCP.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        self.setup.subnet.at(HOST, SIP_PORT)
    }

    /// Where the media relay takes ng commands.
    #[must_use]
    pub fn ng(&self) -> SocketAddr {
        self.setup.subnet.at(HOST, NG_PORT)
    }

    /// The address that everything is bound to, which is also the domain of the users.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.sip().ip()
    }

    /// The data directory.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        self.directory.path()
    }

    /// Fetches a path of the HTTP listener.
    #[must_use]
    pub fn http(&self, path: &str) -> Option<http::Answer> {
        http::get(self.setup.subnet.at(HOST, HTTP_PORT), path)
    }

    /// The metrics in their text form.
    ///
    /// # Panics
    /// When they cannot be had.
    #[track_caller]
    #[must_use]
    pub fn metrics(&self) -> String {
        let listener = self.setup.subnet.at(HOST, METRICS_PORT);
        let answer = http::get(listener, "/metrics").expect("metrics can be fetched");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The value of a metric, named with its labels as they are printed; nothing where the
    /// program does not have it.
    #[track_caller]
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        let metrics = self.metrics();
        let mut samples = metrics.lines().filter_map(|line| line.rsplit_once(' '));
        let (_, value) = samples.find(|(key, _)| *key == name)?;
        value.parse().ok()
    }

    /// Waits until nothing is left of any call: neither in the proxy nor in the relay, if one runs.
    #[track_caller]
    pub fn wait_idle(&self) {
        wait::eventually("no call goes on", SOON, || {
            (self.metric("offhook_calls_active") == Some(0)).then_some(())
        });
        for gauge in ["offhook_media_sessions", "offhook_media_port_pairs_in_use"] {
            wait::eventually(&format!("{gauge} is 0"), SOON, || {
                matches!(self.metric(gauge), None | Some(0)).then_some(())
            });
        }
    }

    /// Starts the program again after it was stopped or killed, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    #[track_caller]
    pub fn start(&mut self) {
        let name = self.setup.program.name();
        let log = self.directory.path().join(format!("{name}.log"));
        let command = self.command(self.setup.program);
        let mut process = Process::spawn(name, command, &log).with_farewell(Signal::Kill);
        wait::eventually(&format!("{name} is ready"), STARTUP, || {
            let ended = process.exit_status();
            assert!(ended.is_none(), "{name} has ended: {ended:?}\n{}", process.log());
            (self.http("/readyz")?.status == 200).then_some(())
        });
        self.process = Some(process);
    }

    /// Ends the process with no chance to do anything.
    pub fn kill9(&mut self) {
        self.running().kill();
        self.process = None;
    }

    /// Asks the process to end; it drains first.
    pub fn terminate(&mut self) {
        self.running().signal(Signal::Terminate);
    }

    /// Waits until the process has ended by itself, and returns whether it did so successfully.
    #[track_caller]
    pub fn wait_for_exit(&mut self, within: Duration) -> bool {
        let status = self.running().wait_for_exit(within);
        self.process = None;
        status.success()
    }

    /// Whether the process runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.exit_status().is_none())
    }

    /// Everything that the program has logged.
    #[must_use]
    pub fn log(&mut self) -> String {
        self.running().log()
    }

    /// The id of the running process.
    pub fn process_id(&mut self) -> u32 {
        self.running().id()
    }

    fn running(&mut self) -> &mut Process {
        self.process.as_mut().expect("the program was started")
    }

    /// The administration commands' program with this test's settings and data.
    #[must_use]
    pub fn administration(&self) -> Command {
        self.command(Program::Offhook)
    }

    fn command(&self, program: Program) -> Command {
        let mut command = Command::new(program.path());
        command.arg("--data-dir").arg(self.directory.path());
        for (key, value) in &self.setup.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        // What the machine's user has set must not change a test.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("OFFHOOK_") || ["DATABASE_URL", "RUST_LOG"].contains(&&*name) {
                command.env_remove(&*name);
            }
        }
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    /// Runs an administration command to its end.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn administer(&self, arguments: &[&str]) -> Output {
        let output = self.administration().args(arguments).output();
        output.expect("the program under test can be started")
    }

    /// Runs an administration command that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn must(&self, arguments: &[&str]) -> String {
        process::run(&arguments.join(" "), self.administration().args(arguments))
    }

    /// Adds a user of the default domain.
    #[track_caller]
    pub fn add_user(&self, user: &str, password: &str) {
        self.must(&["user", "add", user, "--password", password]);
    }

    /// Starts a phone of the user, with the password that [`add_users`](Self::add_users) gives,
    /// and waits until it is registered.
    #[track_caller]
    #[must_use]
    pub fn phone(&self, number: usize, user: &str, transport: Transport) -> Baresip {
        let password = &password_of(user);
        let account = Account { user, password, registrar: self.sip(), transport };
        let mut phone = Baresip::start(self.subnet(), number, account);
        phone.wait_registered();
        phone
    }

    /// Adds users of the default domain with the passwords that the agents and phones of this
    /// bench use.
    #[track_caller]
    pub fn add_users(&self, users: &[&str]) {
        for user in users {
            self.add_user(user, &password_of(user));
        }
    }

    /// A scripted agent of the user over UDP.
    #[track_caller]
    #[must_use]
    pub fn agent(&self, user: &str) -> Agent {
        Agent::udp(self.subnet().host(AGENT_HOST), self.sip(), user, &password_of(user))
    }

    /// A scripted agent of the user over TCP.
    #[track_caller]
    #[must_use]
    pub fn tcp_agent(&self, user: &str) -> Agent {
        Agent::tcp(self.sip(), user, &password_of(user))
    }

    /// A scripted agent of the user that has registered its contact.
    #[track_caller]
    #[must_use]
    pub fn registered_agent(&self, user: &str) -> Agent {
        let mut agent = self.agent(user);
        let register = agent.register(600);
        let response = agent.exchange(&register);
        assert_eq!(response.status(), Some(200), "{response:#?}");
        agent
    }
}

impl Drop for Offhook {
    /// A test that has passed fails after all when the program has logged an error or a secret.
    fn drop(&mut self) {
        let Some(process) = self.process.as_mut().filter(|_| !std::thread::panicking()) else {
            return;
        };
        let log = process.log();
        let told = |line: &&str| {
            line.contains(" ERROR ") || line.contains("panicked at") || line.contains(SECRET)
        };
        let told: Vec<&str> = log.lines().filter(told).collect();
        assert!(told.is_empty(), "{} has logged {told:#?}", self.setup.program.name());
    }
}

/// The password of a user in these tests.
#[must_use]
pub fn password_of(user: &str) -> String {
    format!("{SECRET}{user}")
}

/// What every password begins with, so that it is found where it does not belong.
const SECRET: &str = "not-to-be-logged-";
/// How long a program may take from its start until it is ready, migrations included.
const STARTUP: Duration = SOON.saturating_mul(2);

const HOST: u8 = 1;
const AGENT_HOST: u8 = 50;
const SIP_PORT: u16 = 5060;
const HTTP_PORT: u16 = 8080;
const METRICS_PORT: u16 = 9464;
const NG_PORT: u16 = 2223;
