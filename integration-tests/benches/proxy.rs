//! CPU time per proxied call, next to Kamailio in the same run.
//!
//! One call is INVITE, 180, 200, ACK, BYE, 200 over UDP, record-routed, to a registered user whose
//! location is in memory; no authentication, no media relay, one worker each. The same SIPp
//! scenarios drive both at the same rate, in turns: A, B, A, B. What counts is the CPU time of all
//! threads and processes of the proxy, in user and kernel mode.
//!
//! `RATE` (calls per second), `SECONDS` (per turn) and `ROUNDS` change the run.

use std::net::SocketAddr;
use std::time::Duration;

use offhook_integration_tests::baresip::Transport;
use offhook_integration_tests::cpu;
use offhook_integration_tests::kamailio::Kamailio;
use offhook_integration_tests::offhook::{Setup, Storage};
use offhook_integration_tests::sipp::{Running, Sipp};
use offhook_integration_tests::subnet::Subnet;

fn main() {
    let run = Run { rate: setting("RATE", 500), seconds: setting("SECONDS", 10) };
    let rounds = setting("ROUNDS", 5);
    let kamailio = Kamailio::start();
    let setup = Setup::offhook(Storage::Sqlite).set("sip.workers", "1");
    let setup = setup.set("sip.auth", "\"off\"").set("media.engage", "\"never\"");
    // Kamailio writes no line per call either.
    let setup = setup.set("log.level", "\"warn\"");
    let mut offhook = setup.start();
    offhook.add_users(&["2001", "2002"]);
    let process = offhook.process_id();
    let ours = Subject::prepare("Offhook", process, offhook.sip(), offhook.subnet());
    let process = kamailio.process_id();
    let peer = Subject::prepare("Kamailio", process, kamailio.sip(), kamailio.subnet());

    show(&format!(
        "CPU milliseconds per call at {} calls/s, {} s a turn, SIPp over UDP\n",
        run.rate, run.seconds
    ));
    show(&format!("{:>8} {:>10} {:>10} {:>8}\n", "round", peer.name, ours.name, "ratio"));
    // The first turn of each warms caches and pools.
    run.turn(&peer);
    run.turn(&ours);
    let mut pairs = Vec::new();
    for round in 1..=rounds {
        let pair = (run.turn(&peer), run.turn(&ours));
        show(&row(&round.to_string(), pair, pair.1 / pair.0));
        pairs.push(pair);
    }
    let medians =
        (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
    show(&row("median", medians, median(pairs.iter().map(|pair| pair.1 / pair.0))));
}

/// The load of one turn.
struct Run {
    rate: u64,
    seconds: u64,
}

impl Run {
    /// Loads the subject and returns its CPU milliseconds per call.
    fn turn(&self, subject: &Subject<'_>) -> f64 {
        let calls = self.rate * self.seconds;
        let before = cpu::used_by(subject.process);
        let local = (subject.subnet.host(61), PORT);
        let caller = Sipp::new("call-open", local, Transport::Udp).towards(subject.sip);
        let caller = caller.key("user", "2001").key("callee", "2002").hold(HOLD);
        let caller = caller.calls(calls, self.rate).start();
        pin_load(&caller);
        let statistics =
            caller.finish_clean(calls, Duration::from_secs(self.seconds) + Duration::from_secs(60));
        let after = cpu::used_by(subject.process);
        let repeated = statistics.retransmissions;
        assert!(repeated * 100 <= calls, "{}: {repeated} messages sent again", subject.name);
        (after - before).as_secs_f64() * 1000.0 / calls as f64
    }
}

/// A proxy under measurement, with its called side.
struct Subject<'a> {
    name: &'static str,
    process: u32,
    sip: SocketAddr,
    subnet: &'a Subnet,
    _callee: Running,
}

impl<'a> Subject<'a> {
    /// Registers the called side and starts it; the proxy has the first processor for itself.
    fn prepare(name: &'static str, process: u32, sip: SocketAddr, subnet: &'a Subnet) -> Self {
        let local = (subnet.host(60), PORT);
        let register = Sipp::new("register-open", local, Transport::Udp).towards(sip);
        let register = register.key("user", "2002").key("contact_port", &PORT.to_string());
        register.calls(1, 1).start().finish_clean(1, Duration::from_secs(30));
        let mut callee = Sipp::new("answer", local, Transport::Udp).start();
        callee.wait_listening();
        pin_load(&callee);
        if several_processors() {
            cpu::pin(process, 0);
        }
        Self { name, process, sip, subnet, _callee: callee }
    }
}

/// The load has the second processor.
fn pin_load(load: &Running) {
    if several_processors() {
        cpu::pin(load.id(), 1);
    }
}

fn several_processors() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a setting of the benchmark is a number"))
}

fn row(name: &str, (peer, ours): (f64, f64), ratio: f64) -> String {
    format!("{name:>8} {peer:>10.3} {ours:>10.3} {ratio:>8.2}\n")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn show(text: &str) {
    print!("{text}");
}

const PORT: u16 = 5060;
const HOLD: Duration = Duration::from_millis(200);
