//! The compose files of `deploy/`, brought up for real, with two phones calling through them.
//!
//! `docker/run` prepares what this needs (a Docker daemon in namespaces of its own, an office network with the
//! Docker host in it, the images) and starts this file within the phones' network.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use offhook_integration_tests::baresip::{Account, Baresip, Transport};
use offhook_integration_tests::process;
use offhook_integration_tests::subnet::Subnet;
use offhook_integration_tests::wait;
use tempfile::NamedTempFile;

/// How long the services may take until they are healthy: the first start prepares the database.
const STARTUP: Duration = Duration::from_secs(120);

#[test]
fn phones_call_through_published_ports() {
    phones_call_through("docker-compose.yml", &format!("ADVERTISE={}", setting("HOST")));
}

#[test]
fn phones_call_through_the_network_of_the_host() {
    // The services find the address of the host by themselves.
    phones_call_through("docker-compose.host.yml", "");
}

fn phones_call_through(file: &str, advertise: &str) {
    let stack = Stack::up(file, advertise);
    for user in USERS {
        stack.offhook(&["user", "add", user, "--password", &password_of(user)]);
    }
    let subnet = Subnet::claim();
    let mut desk = phone(&subnet, 0, Transport::Udp);
    let mut soft = phone(&subnet, 1, Transport::Tcp);
    let registered = stack.offhook(&["registrations"]);
    assert!(USERS.iter().all(|user| registered.contains(user)), "{registered}");
    let before = relayed_packets();
    call(&mut desk, &mut soft);
    // Both phones have heard the other for a second: 50 packets each way.
    assert!(relayed_packets() >= before + 100, "the relay has a part in the call");
    for port in [5432, 5433, 8080, 8081, 9464, 9465] {
        let open = TcpStream::connect((host(), port)).is_ok();
        assert!(!open, "port {port} is open to the phones");
    }

    // A new container of the proxy has only the database to know from who is registered.
    stack.compose(&["up", "--detach", "--no-build", "--no-deps", "--force-recreate", "proxy"]);
    stack.wait_healthy();
    call(&mut soft, &mut desk);

    // A probe that tells the truth, in both directions.
    stack.compose(&["stop", "database"]);
    stack.wait_for("unhealthy", "proxy");
    stack.compose(&["start", "database"]);
    stack.wait_healthy();

    drop((desk, soft));
    stack.down();
}

fn phone(subnet: &Subnet, number: usize, transport: Transport) -> Baresip {
    let address = setting("PHONES").parse().expect("the phones' address");
    let user = USERS[number];
    let registrar = SocketAddr::from((host(), 5060));
    let account = Account { user, password: &password_of(user), registrar, transport };
    let mut phone = Baresip::start_at(address, subnet, number, account);
    phone.wait_registered();
    phone
}

fn call(caller: &mut Baresip, callee: &mut Baresip) {
    caller.dial(callee.user());
    callee.wait_incoming();
    callee.answer();
    caller.wait_established();
    callee.wait_established();
    caller.wait_hears(callee.tone());
    callee.wait_hears(caller.tone());
    caller.hang_up();
    caller.wait_closed();
    callee.wait_closed();
}

/// The services of a compose file.
#[derive(Debug)]
struct Stack {
    file: PathBuf,
    /// The shipped example, filled in.
    environment: NamedTempFile,
    running: bool,
}

impl Stack {
    /// Starts the services and waits until each is healthy.
    fn up(file: &str, advertise: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        let example = std::fs::read_to_string(folder.join(".env.example"));
        let filled = example.expect("an example of .env").replace("ADVERTISE=", advertise)
            + &format!("IMAGE={}\n", setting("IMAGE"));
        let environment = NamedTempFile::new().expect("a temporary file");
        std::fs::write(environment.path(), filled).expect("a temporary file can be written");
        let stack = Self { file: folder.join(file), environment, running: true };
        stack.compose(&["up", "--detach", "--no-build"]);
        stack.wait_healthy();
        stack
    }

    /// Stops the services, and asserts that nothing of them is left.
    fn down(mut self) {
        self.compose(&["down", "--volumes"]);
        self.running = false;
        for (what, arguments) in [
            ("containers", ["container", "ls", "--all", "--quiet"].as_slice()),
            ("volumes", &["volume", "ls", "--quiet"]),
            ("networks", &["network", "ls", "--filter", "type=custom", "--quiet"]),
        ] {
            assert_eq!(docker(arguments), "", "{what} are left");
        }
    }

    /// Runs an administration command in the container of the proxy.
    fn offhook(&self, arguments: &[&str]) -> String {
        self.compose(&[&["exec", "-T", "proxy", "offhook"], arguments].concat())
    }

    fn wait_healthy(&self) {
        for service in ["database", "media", "proxy"] {
            self.wait_for("healthy", service);
        }
    }

    fn wait_for(&self, health: &str, service: &str) {
        wait::eventually(&format!("{service} is {health}"), STARTUP, || {
            let id = self.compose(&["ps", "--quiet", service]);
            let container = ["container", "inspect", "--format", "{{.State.Health.Status}}"];
            let found = docker(&[container.as_slice(), &[id.trim()]].concat());
            (found.trim() == health).then_some(())
        });
    }

    fn compose(&self, arguments: &[&str]) -> String {
        let mut command = self.command();
        command.args(arguments);
        process::run(&format!("compose {}", arguments.join(" ")), &mut command)
    }

    fn command(&self) -> Command {
        let compose = setting("COMPOSE");
        let mut words = compose.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("--file").arg(&self.file);
        command.arg("--env-file").arg(self.environment.path());
        command
    }
}

impl Drop for Stack {
    /// What the containers wrote is what a failed test has to go by.
    #[expect(clippy::print_stdout, reason = "a failed test shows the logs of its services")]
    fn drop(&mut self) {
        if !self.running {
            return;
        }
        let states = ["container", "ls", "--all", "--format", "{{.Names}}: {{.Status}}"];
        println!("{}", docker(&states));
        let logs = self.command().args(["logs", "--no-color", "--tail", "200"]).output();
        println!("{}", logs.map_or_else(|_| String::new(), |logs| lossy(&logs.stdout)));
        drop(self.command().args(["down", "--volumes", "--timeout", "1"]).output());
    }
}

/// What the relay's metrics say, which are published on the Docker host's own loopback: this test is in the
/// phones' network, and process 1 in that of the host.
fn relayed_packets() -> u64 {
    let get = "exec 3<>/dev/tcp/127.0.0.1/9465; \
               printf 'GET /metrics HTTP/1.1\\r\\nHost: relay\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3";
    let mut command = Command::new("nsenter");
    command.args(["--net=/proc/1/ns/net", "bash", "-c", get]);
    let metrics = process::run("the relay's metrics", &mut command);
    let line = metrics.lines().find_map(|line| line.strip_prefix("offhook_media_packets_total "));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{metrics}"))
}

fn docker(arguments: &[&str]) -> String {
    process::run(&format!("docker {}", arguments.join(" ")), Command::new("docker").args(arguments))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn host() -> Ipv4Addr {
    setting("HOST").parse().expect("the host's address")
}

fn setting(name: &str) -> String {
    let name = format!("DOCKER_TEST_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is set by integration-tests/docker/run"))
}

fn password_of(user: &str) -> String {
    format!("pass-{user}")
}

const USERS: [&str; 2] = ["1001", "1002"];
