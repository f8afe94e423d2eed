//! The administration commands, the first start, configuration faults, health and metrics.

use std::process::Output;

use offhook_integration_tests::baresip::{Account, Baresip, Transport};
use offhook_integration_tests::offhook::{Offhook, Setup, Storage, password_of};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::sip::{Agent, Call};
use offhook_integration_tests::wait::{self, SOON};

on_each_storage!(
    users_are_kept_on_a_stopped_platform,
    users_are_kept_on_a_running_platform,
    a_new_password_counts_soon,
    a_removed_user_cannot_register,
);

fn users_are_kept_on_a_stopped_platform(storage: Storage) {
    let mut offhook = Setup::offhook(storage).prepare();
    keep_users(&offhook);
    offhook.start();
    let _agent = offhook.registered_agent("2002");
}

fn users_are_kept_on_a_running_platform(storage: Storage) {
    let offhook = Setup::offhook(storage).start();
    keep_users(&offhook);
    let _agent = offhook.registered_agent("2002");
}

#[track_caller]
fn keep_users(offhook: &Offhook) {
    offhook.add_users(&["2001", "2002"]);
    let list = offhook.must(&["user", "list"]);
    assert!(list.contains("2001") && list.contains("2002"), "{list}");
    assert!(!list.contains(&password_of("2001")), "a list shows no password: {list}");
    let twice = offhook.administer(&["user", "add", "2001", "--password", "other"]);
    assert!(!twice.status.success(), "{}", printed(&twice));
    assert!(printed(&twice).contains("2001"), "{}", printed(&twice));
    offhook.must(&["user", "remove", "2001"]);
    let list = offhook.must(&["user", "list"]);
    assert!(!list.contains("2001") && list.contains("2002"), "{list}");
    let unknown = offhook.administer(&["user", "remove", "2001"]);
    assert!(!unknown.status.success(), "{}", printed(&unknown));
    offhook.must(&["user", "add", "2003@example.org", "--password", "secret"]);
    let list = offhook.must(&["user", "list"]);
    assert!(list.contains("2003@example.org"), "{list}");
}

fn a_new_password_counts_soon(storage: Storage) {
    let offhook = Setup::offhook(storage).start();
    offhook.add_user("2001", "first");
    let mut agent = offhook.agent("2001");
    assert!(!registers(&mut agent));
    offhook.must(&["user", "passwd", "2001", "--password", &password_of("2001")]);
    wait::eventually("the new password counts", SOON, || registers(&mut agent).then_some(()));
}

fn a_removed_user_cannot_register(storage: Storage) {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001"]);
    let mut agent = offhook.registered_agent("2001");
    offhook.must(&["user", "remove", "2001"]);
    wait::eventually("the user is refused", SOON, || (!registers(&mut agent)).then_some(()));
}

/// Whether the server accepts the agent's credentials.
#[track_caller]
fn registers(agent: &mut Agent) -> bool {
    let register = agent.register(600);
    agent.exchange(&register).status() == Some(200)
}

#[test]
fn the_first_start_makes_two_extensions_and_says_how_to_use_them() {
    let mut offhook = Setup::offhook(Storage::Sqlite).start();
    let summary = offhook.log();
    assert!(summary.contains(&offhook.sip().to_string()), "{summary}");
    let passwords = ["1001", "1002"].map(|user| printed_password(&summary, user));
    assert_ne!(passwords[0], passwords[1]);
    let registrar = offhook.sip();
    for (number, (user, password)) in ["1001", "1002"].iter().zip(&passwords).enumerate() {
        let account = Account { user, password, registrar, transport: Transport::Udp };
        Baresip::start(offhook.subnet(), number, account).wait_registered();
    }
    // Later starts make no more of them and print no password again.
    offhook.kill9();
    offhook.start();
    let list = offhook.must(&["user", "list"]);
    let extensions = list.lines().filter(|line| line.contains("100"));
    assert_eq!(extensions.count(), 2, "{list}");
    let later = offhook.log();
    let later = &later[summary.len()..];
    assert!(passwords.iter().all(|password| !later.contains(password.as_str())), "{later}");
}

/// The word after the extension in the line that shows its password.
#[track_caller]
fn printed_password(summary: &str, user: &str) -> String {
    let lines = summary.lines().filter(|line| line.split_whitespace().any(|word| word == user));
    let words = lines.flat_map(str::split_whitespace).skip_while(|word| *word != user);
    let password = words.skip(1).find(|word| word.len() >= 8);
    password.unwrap_or_else(|| panic!("no password of {user} in {summary}")).to_owned()
}

#[test]
fn registrations_are_shown_on_a_running_and_on_a_stopped_platform() {
    let mut offhook = Setup::offhook(Storage::Sqlite).start();
    offhook.add_users(&["2001"]);
    let agent = offhook.registered_agent("2001");
    for _ in 0..2 {
        let registrations = offhook.must(&["registrations"]);
        assert!(registrations.contains("2001"), "{registrations}");
        assert!(registrations.contains(&agent.contact()), "{registrations}");
        if offhook.is_running() {
            offhook.kill9();
        }
    }
}

#[test]
fn running_calls_are_shown() {
    let mut offhook = Setup::offhook(Storage::Sqlite).start();
    offhook.add_users(&["2001", "2002"]);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let _call = Call::establish(&mut caller, &mut callee, "2002");
    let calls = offhook.must(&["calls"]);
    assert!(calls.contains("2001") && calls.contains("2002"), "{calls}");
    offhook.kill9();
    offhook.must(&["calls"]);
}

#[test]
fn a_wrong_key_is_shown_with_its_place_and_a_suggestion() {
    let offhook = Setup::offhook(Storage::Sqlite).prepare();
    let file = offhook.data_directory().join("bad.toml");
    let text = "[sip]\nrealm = \"x\"\n  lisen = [\"udp:127.0.0.1:5070\"]\n";
    std::fs::write(&file, text).expect("a file can be written");
    let path = file.to_string_lossy();
    let check = offhook.administer(&["--config", &path, "config", "check"]);
    let message = printed(&check);
    assert!(!check.status.success(), "{message}");
    assert!(message.contains("bad.toml:3:3"), "{message}");
    assert!(message.contains("sip.lisen") || message.contains("lisen"), "{message}");
    assert!(message.contains("listen"), "a suggestion: {message}");
    // The platform refuses to start with it and says the same.
    let start = offhook.administer(&["--config", &path]);
    assert!(!start.status.success());
    assert!(printed(&start).contains("bad.toml:3:3"), "{}", printed(&start));
}

#[test]
fn a_bad_value_is_shown_with_its_place() {
    let offhook = Setup::offhook(Storage::Sqlite).prepare();
    let file = offhook.data_directory().join("bad.toml");
    let text = "[media]\nrtp_ports = \"29999-20000\"\n";
    std::fs::write(&file, text).expect("a file can be written");
    let path = file.to_string_lossy();
    let check = offhook.administer(&["--config", &path, "config", "check"]);
    let message = printed(&check);
    assert!(!check.status.success(), "{message}");
    assert!(message.contains("bad.toml:2:"), "{message}");
}

#[test]
fn the_configuration_can_be_checked_and_shown() {
    let offhook = Setup::offhook(Storage::Sqlite).prepare();
    offhook.must(&["config", "check"]);
    let shown = offhook.must(&["config", "show"]);
    assert!(shown.contains(&offhook.sip().to_string()), "{shown}");
}

#[test]
fn the_doctor_looks_at_ports_address_database_and_relay() {
    let offhook = Setup::offhook(Storage::Sqlite).prepare();
    let report = offhook.must(&["doctor"]);
    for subject in ["port", "address", "database", "relay"] {
        let named = report.to_lowercase().contains(subject);
        assert!(named, "{subject} is not in the report:\n{report}");
    }
    // A port that is taken is a finding.
    let _taken = std::net::UdpSocket::bind(offhook.sip()).expect("the port is free");
    let report = offhook.administer(&["doctor"]);
    assert!(!report.status.success(), "{}", printed(&report));
    assert!(printed(&report).contains("5060"), "{}", printed(&report));
}

#[test]
fn authentication_cannot_be_switched_off_beyond_loopback_by_accident() {
    let offhook = Setup::offhook(Storage::Sqlite).prepare();
    let mut command = offhook.administration();
    command.args(["--set", "sip.auth=\"off\"", "--set", "sip.listen=[\"udp:0.0.0.0:0\"]"]);
    let output = command.args(["config", "check"]).output().expect("the platform can be started");
    assert!(!output.status.success(), "{}", printed(&output));
    let switch = "allow_auth_off_beyond_loopback";
    assert!(printed(&output).contains(switch), "{}", printed(&output));
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let offhook = Setup::offhook(Storage::Sqlite).start();
    offhook.add_users(&["2001"]);
    let _agent = offhook.registered_agent("2001");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(offhook.http(path).map(|answer| answer.status), Some(200), "{path}");
    }
    let metrics = offhook.metrics();
    let samples: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!samples.is_empty());
    for sample in samples {
        assert!(sample.starts_with("offhook_"), "{sample}");
        let secret = sample.contains("2001") || sample.contains(&offhook.address().to_string());
        assert!(!secret, "a label names a user or an address: {sample}");
    }
}

fn printed(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
