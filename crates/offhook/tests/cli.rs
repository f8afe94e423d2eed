//! The commands of the built binary, each test on a data directory of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a command printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(dir: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offhook"));
    command.env_clear().current_dir(dir).args(words.split_whitespace());
    command
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn offhook(dir: &Path, words: &str) -> Outcome {
    outcome(&mut command(dir, words))
}

#[track_caller]
fn succeeds(dir: &Path, words: &str) -> String {
    let outcome = offhook(dir, words);
    assert_eq!(outcome.code, Some(0), "{words}: {outcome:?}");
    outcome.stdout
}

fn users(dir: &Path) -> Vec<String> {
    let list: Value = serde_json::from_str(&succeeds(dir, "user list --json")).unwrap();
    let users = list.as_array().unwrap().iter();
    users.map(|user| user["user"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn users_come_and_go() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    assert_eq!(succeeds(dir, "user list"), "There are no users. `user add NAME` adds one.\n");
    assert_eq!(succeeds(dir, "user add 2001 --password open-sesame"), "Added 2001.\n");
    let added = succeeds(dir, "user add alice@Example.com");
    let password = added.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap();
    assert!(added.starts_with("Added alice@example.com.\n") && password.len() == 16, "{added}");
    assert_eq!(users(dir), ["2001", "alice@example.com"]);
    assert!(succeeds(dir, "user list").contains("2001               enabled"));

    let changed = succeeds(dir, "user passwd 2001");
    assert!(changed.starts_with("Set a new password for 2001.\nPassword: "), "{changed}");
    assert_eq!(succeeds(dir, "user remove 2001"), "Removed 2001 and its registrations.\n");
    assert_eq!(users(dir), ["alice@example.com"]);
}

#[test]
fn mistakes_about_users_are_told() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    succeeds(dir, "user add 2001");
    let cases = [
        (
            "user add 2001",
            1,
            "error: the user 2001 exists already\n  help: `user passwd` sets a new password for it\n",
        ),
        (
            "user remove 2002",
            1,
            "error: there is no user 2002\n  help: `user list` shows all users\n",
        ),
        (
            "user passwd 2002",
            1,
            "error: there is no user 2002\n  help: `user list` shows all users\n",
        ),
    ];
    for (words, code, stderr) in cases {
        let expected =
            Outcome { code: Some(code), stdout: String::new(), stderr: stderr.to_owned() };
        assert_eq!(offhook(dir, words), expected);
    }
    assert_eq!(offhook(dir, "user add a@b@c").code, Some(64));
    assert_eq!(offhook(dir, "user add").code, Some(64));
    assert_eq!(offhook(dir, "usr list").code, Some(64));
    let empty = outcome(command(dir, "user add 2003").args(["--password", ""]));
    assert_eq!((empty.code, empty.stderr.as_str()), (Some(1), "error: the password is empty\n"));
}

#[test]
fn a_password_can_come_from_standard_input() {
    let dir = TempDir::new().unwrap();
    let mut child = command(dir.path(), "user add 2001 --password-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"open sesame\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Added 2001.\n");
}

#[test]
fn data_is_kept_where_it_is_wanted() {
    let dir = TempDir::new().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    std::fs::create_dir(&here).unwrap();
    succeeds(&here, "--data-dir ../there user add 2001");
    assert!(there.join("offhook.db").is_file() && !here.join("offhook-data").exists());
    let list = succeeds(&here, "user list --data-dir ../there");
    assert!(list.contains("2001"), "{list}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&there.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn lists_of_a_stopped_server() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    assert_eq!(succeeds(dir, "registrations"), "No phone is registered.\n");
    assert_eq!(succeeds(dir, "registrations --json"), "[]\n");
    let calls = offhook(dir, "calls");
    let told = "nothing is running on ./offhook-data, so there are no calls.\n";
    assert_eq!(calls, Outcome { code: Some(0), stdout: String::new(), stderr: told.to_owned() });
    assert_eq!(succeeds(dir, "calls --json"), "[]\n");
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    assert_eq!(succeeds(dir, "config check"), "The configuration is valid.\n");
    std::fs::write(dir.join("good.toml"), "[sip]\nrealm = \"lab\"\n").unwrap();
    let shown = succeeds(
        dir,
        "--config good.toml --set http.listen=127.0.0.1:8099 config show --set log.format=json",
    );
    for line in [
        "realm = \"lab\"  # good.toml:2",
        "listen = \"127.0.0.1:8099\"  # --set",
        "format = \"json\"  # --set",
        "url = \"sqlite:./offhook-data/offhook.db\"",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in:\n{shown}");
    }
    let shown = outcome(command(dir, "config show").env("OFFHOOK_CONFIG", "good.toml")).stdout;
    assert!(shown.contains("realm = \"lab\"  # good.toml:2\n"), "{shown}");
    assert!(!dir.join("offhook-data").exists(), "looking makes nothing");
}

#[test]
fn a_bad_configuration_stops_every_command() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("bad.toml"), "[sip]\nlisen = []\n").unwrap();
    let expected = "error: unknown key `sip.lisen`
  --> bad.toml:2:1
   |
 2 | lisen = []
   | ^^^^^
  = help: did you mean `sip.listen`?

The configuration has 1 error; nothing was started.
";
    for words in
        ["config check", "config show", "run", "", "user list", "calls", "doctor", "health"]
    {
        let outcome = offhook(dir, &format!("--config bad.toml {words}"));
        let all = Outcome { code: Some(78), stdout: String::new(), stderr: expected.to_owned() };
        assert_eq!(outcome, all, "{words}");
    }
    assert!(!dir.join("offhook-data").exists());
}

#[test]
fn the_doctor_finds_a_taken_port() {
    let dir = TempDir::new().unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = "doctor --set http.listen= --set metrics.listen= --set media.engage=never";
    let ill = offhook(dir.path(), &format!("{settings} --set sip.listen=udp:127.0.0.1:{port}"));
    assert_eq!(ill.code, Some(1), "{ill:?}");
    let fail = format!("FAIL  SIP port       udp:127.0.0.1:{port} is held by ");
    assert!(ill.stdout.contains(&fail), "{}", ill.stdout);
    assert!(ill.stdout.ends_with("\n1 thing must be mended.\n"), "{}", ill.stdout);

    let well = succeeds(dir.path(), &format!("{settings} --set sip.listen=udp:127.0.0.1:0"));
    assert!(well.ends_with("\nEverything looks well.\n"), "{well}");
    assert!(!dir.path().join("offhook-data").exists(), "looking makes nothing");
}

/// The passwords of the first extensions are shown once, so a start that fails must not use that up.
#[test]
fn a_start_that_fails_creates_no_extensions() {
    let dir = TempDir::new().unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = "--set http.listen= --set metrics.listen= --set media.engage=never";
    let failed = offhook(dir.path(), &format!("{settings} --set sip.listen=udp:127.0.0.1:{port}"));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("the port is in use"), "{}", failed.stderr);
    assert_eq!(users(dir.path()), Vec::<String>::new());
}

#[test]
fn health_of_a_stopped_server() {
    let dir = TempDir::new().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = offhook(dir.path(), &format!("health --set http.listen={free}"));
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.starts_with(&format!("error: cannot connect to {free}: ")),
        "{outcome:?}"
    );
}

#[test]
fn help_and_version() {
    let dir = TempDir::new().unwrap();
    let help = succeeds(dir.path(), "--help");
    for word in
        ["user", "registrations", "calls", "config", "doctor", "health", "--set", "--data-dir"]
    {
        assert!(help.contains(word), "{word} is not in:\n{help}");
    }
    assert_eq!(
        succeeds(dir.path(), "--version"),
        format!("offhook {}\n", env!("CARGO_PKG_VERSION"))
    );
}
