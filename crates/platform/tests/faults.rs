//! What bad configurations print, to the letter.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use offhook_platform::{Program, Sources};

/// Loads `file` as `offhook.toml` and returns what is printed, with the temporary directory left out.
fn faults_of_file(file: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offhook.toml");
    std::fs::write(&path, file).unwrap();
    let sources = Sources { file: Some(path), ..Sources::default() };
    printed(&sources).replace(&format!("{}/", dir.path().display()), "")
}

fn printed(sources: &Sources) -> String {
    match sources.load(Program::Offhook) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources { environment: BTreeMap::from_iter(variables), ..Sources::default() }
}

fn set(text: &str) -> Sources {
    Sources { set: vec![text.to_owned()], ..Sources::default() }
}

const ONE: &str = "\n\nThe configuration has 1 error; nothing was started.";

const IN_A_FILE: &[(&str, &str)] = &[
    (
        "[sip]\nlisetn = [\"udp:127.0.0.1:5060\"]\n",
        r#"error: unknown key `sip.lisetn`
  --> offhook.toml:2:1
   |
 2 | lisetn = ["udp:127.0.0.1:5060"]
   | ^^^^^^
  = help: did you mean `sip.listen`?"#,
    ),
    (
        "[sipp]\nlisten = []\n",
        r#"error: unknown section `sipp`
  --> offhook.toml:1:2
   |
 1 | [sipp]
   |  ^^^^
  = help: did you mean `sip`?"#,
    ),
    (
        "listen = []\n",
        r#"error: unknown key `listen`
  --> offhook.toml:1:1
   |
 1 | listen = []
   | ^^^^^^
  = help: did you mean `sip.listen`?"#,
    ),
    (
        "[sip]\nrtp_ports = \"1-2\"\n",
        r#"error: unknown key `sip.rtp_ports`
  --> offhook.toml:2:1
   |
 2 | rtp_ports = "1-2"
   | ^^^^^^^^^
  = help: did you mean `media.rtp_ports`?"#,
    ),
    (
        "[sip]\nauth = \"of\"\n",
        r#"error: bad value for `sip.auth`: `of` is not one of the words that are known here
  --> offhook.toml:2:8
   |
 2 | auth = "of"
   |        ^^^^
  = expected "digest" or "off"
  = help: did you mean `off`?"#,
    ),
    (
        "[sip]\nlisten = [\"udp:127.0.0.1:5060\", \"sctp:127.0.0.1:5061\"]\n",
        r#"error: bad value for `sip.listen`: unknown transport `sctp`
  --> offhook.toml:2:33
   |
 2 | listen = ["udp:127.0.0.1:5060", "sctp:127.0.0.1:5061"]
   |                                 ^^^^^^^^^^^^^^^^^^^^^
  = expected a transport, an IP address and a port, such as "udp:0.0.0.0:5060" or "tcp:[::1]:5060"
  = help: did you mean `udp:127.0.0.1:5061`?"#,
    ),
    (
        "[sip]\nlisten = \"udp:127.0.0.1:5060\"\n",
        r#"error: `sip.listen` cannot be a text
  --> offhook.toml:2:10
   |
 2 | listen = "udp:127.0.0.1:5060"
   |          ^^^^^^^^^^^^^^^^^^^^
  = expected a list of a transport, an IP address and a port, such as "udp:0.0.0.0:5060" or "tcp:[::1]:5060"
  = help: did you mean `["udp:127.0.0.1:5060"]`?"#,
    ),
    (
        "[sip]\n\tlisten = [5060]\n",
        r#"error: `sip.listen` cannot be a number
  --> offhook.toml:2:12
   |
 2 |  listen = [5060]
   |            ^^^^
  = expected a transport, an IP address and a port, such as "udp:0.0.0.0:5060" or "tcp:[::1]:5060""#,
    ),
    (
        "[http]\nlisten = \"localhost:8080\"\n",
        r#"error: bad value for `http.listen`: `localhost:8080` is not an IP address with a port
  --> offhook.toml:2:10
   |
 2 | listen = "localhost:8080"
   |          ^^^^^^^^^^^^^^^^
  = expected an IP address and a port, such as "127.0.0.1:9464", or "" for none
  = help: did you mean `127.0.0.1:8080`?"#,
    ),
    (
        "[media]\nrtp_ports = \"20001-20999\"\n",
        r#"error: bad value for `media.rtp_ports`: the first port 20001 is odd, and each pair begins on an even port
  --> offhook.toml:2:13
   |
 2 | rtp_ports = "20001-20999"
   |             ^^^^^^^^^^^^^
  = expected an even and an odd port with a dash between them, such as "20000-29999"
  = help: did you mean `20000-20999`?"#,
    ),
    (
        "[media]\nrtp_ports = \"20000-20001\"\n",
        r#"error: bad value for `media.rtp_ports`: fewer than 4 ports, the least that one call needs
  --> offhook.toml:2:13
   |
 2 | rtp_ports = "20000-20001"
   |             ^^^^^^^^^^^^^
  = expected an even and an odd port with a dash between them, such as "20000-29999""#,
    ),
    (
        "[registrar]\nmax_bindings_per_aor = 0\n",
        r#"error: bad value for `registrar.max_bindings_per_aor`: 0 is out of range
  --> offhook.toml:2:24
   |
 2 | max_bindings_per_aor = 0
   |                        ^
  = expected a whole number from 1 to 1000
  = help: did you mean `1`?"#,
    ),
    (
        "[shutdown]\ndrain_timeout_s = \"30\"\n",
        r#"error: `shutdown.drain_timeout_s` cannot be a text
  --> offhook.toml:2:19
   |
 2 | drain_timeout_s = "30"
   |                   ^^^^
  = expected a whole number of seconds from 0 to 604800
  = help: did you mean `30`?"#,
    ),
    (
        "sip = 3\n",
        r#"error: `sip` is a section, and cannot be a number
  --> offhook.toml:1:1
   |
 1 | sip = 3
   | ^^^
  = expected keys below [sip]"#,
    ),
    (
        "[sip]\nallow_auth_off_beyond_loopback = 1\n",
        r#"error: `sip.allow_auth_off_beyond_loopback` cannot be a number
  --> offhook.toml:2:34
   |
 2 | allow_auth_off_beyond_loopback = 1
   |                                  ^
  = expected true or false
  = help: did you mean `true`?"#,
    ),
    (
        "[media]\nrelay = \"udp:media\"\n",
        r#"error: bad value for `media.relay`: `media` is not a host and a port
  --> offhook.toml:2:9
   |
 2 | relay = "udp:media"
   |         ^^^^^^^^^^^
  = expected "internal", or the control address of a relay such as "udp:127.0.0.1:2223"
  = help: did you mean `udp:media:2223`?"#,
    ),
    (
        "[log]\nlevel = \"inof\"\n",
        r#"error: bad value for `log.level`: `inof` is not a level
  --> offhook.toml:2:9
   |
 2 | level = "inof"
   |         ^^^^^^
  = expected "error", "warn", "info", "debug", "trace" or "off", or target=level pairs
  = help: did you mean `info`?"#,
    ),
];

#[test]
fn in_a_file() {
    for (file, expected) in IN_A_FILE {
        assert_eq!(faults_of_file(file), format!("{expected}{ONE}"), "{file}");
    }
}

#[test]
fn broken_toml_says_where() {
    let text = faults_of_file("[sip]\nrealm = \"a\nauth = \"off\"\n");
    assert!(text.starts_with("error: this is not valid TOML: "), "{text}");
    assert!(text.contains("--> offhook.toml:2:"), "{text}");
}

#[test]
fn all_faults_are_told_at_once() {
    let mut sources = environment(&[("OFFHOOK_HTTP__LISTEN", "nowhere")]);
    sources.set = vec!["metrics.listen=neither".to_owned()];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offhook.toml");
    std::fs::write(&path, "[sip]\nauth = 1\nlisten = [\"a\", \"b\"]\nnope = 1\n").unwrap();
    sources.file = Some(path);
    let text = printed(&sources);
    let expected = [
        "error: unknown key `sip.nope`",
        "error: bad value for `sip.listen`: no transport in front of the address",
        "error: `sip.auth` cannot be a number",
        "error: bad value for `http.listen`: `nowhere` is not an IP address with a port",
        "error: bad value for `metrics.listen`: `neither` is not an IP address with a port",
        "The configuration has 6 errors; nothing was started.",
    ];
    let mut rest = text.as_str();
    for line in expected {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} not in {text}"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn in_the_environment() {
    let cases = [
        (
            ("OFFHOOK_SIP__AUTH", "of"),
            r#"error: bad value for `sip.auth`: `of` is not one of the words that are known here
  --> environment variable OFFHOOK_SIP__AUTH
   |
   | OFFHOOK_SIP__AUTH=of
   |                   ^^
  = expected "digest" or "off"
  = help: did you mean `off`?"#,
        ),
        (
            ("OFFHOOK_SIP_LISTEN", "udp:127.0.0.1:5060"),
            "error: environment variable OFFHOOK_SIP_LISTEN stands for no key of the configuration
  --> environment variable OFFHOOK_SIP_LISTEN
  = help: did you mean `OFFHOOK_SIP__LISTEN`?",
        ),
        (
            ("OFFHOOK_SIP__LISTEN", "udp:127.0.0.1:5060, tcp:127.0.0.1"),
            r#"error: bad value for `sip.listen`: `127.0.0.1` is not an IP address with a port
  --> environment variable OFFHOOK_SIP__LISTEN
   |
   | OFFHOOK_SIP__LISTEN=udp:127.0.0.1:5060, tcp:127.0.0.1
   |                                         ^^^^^^^^^^^^^
  = expected a transport, an IP address and a port, such as "udp:0.0.0.0:5060" or "tcp:[::1]:5060"
  = help: did you mean `tcp:127.0.0.1:5060`?"#,
        ),
        (
            ("DATABASE_URL", "mysql://me:hunter2@db/offhook"),
            r#"error: bad value for `database.url`: databases of the kind `mysql` are not supported
  --> environment variable DATABASE_URL
  = expected "sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE", or "" for SQLite in `data_dir`"#,
        ),
    ];
    for (variable, expected) in cases {
        assert_eq!(printed(&environment(&[variable])), format!("{expected}{ONE}"));
    }
}

#[test]
fn behind_set() {
    let cases = [
        (
            "sip.lisen=x",
            "error: unknown key `sip.lisen`
  --> --set on the command line
   |
   | sip.lisen=x
   | ^^^^^^^^^
  = help: did you mean `sip.listen`?",
        ),
        (
            "sip.auth",
            "error: --set takes `section.key=value`, and there is no `=` in it
  --> --set on the command line
   |
   | sip.auth
   | ^^^^^^^^
  = help: for example --set sip.realm=example.com",
        ),
        (
            "proxy.timer_c_s=0",
            "error: bad value for `proxy.timer_c_s`: 0 is out of range
  --> --set on the command line
   |
   | proxy.timer_c_s=0
   |                 ^
  = expected a whole number of seconds from 1 to 86400
  = help: did you mean `1`?",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(printed(&set(text)), format!("{expected}{ONE}"));
    }
    let text = printed(&set("sip.listen=[\"udp:127.0.0.1:5060\""));
    assert!(text.starts_with("error: this is not valid TOML: "), "{text}");
}

const TOGETHER: &[(&str, &str)] = &[
        (
            "[sip]\nauth = \"off\"\nlisten = [\"udp:127.0.0.1:5060\", \"tcp:0.0.0.0:5060\"]\n",
            r#"error: `sip.auth` is "off" while `sip.listen` has tcp:0.0.0.0:5060, which is reachable from other machines
  --> offhook.toml:2:8
   |
 2 | auth = "off"
   |        ^^^^^
  = `sip.listen` was set here: offhook.toml:3:10
  = help: keep auth = "digest", or listen on loopback only ("udp:127.0.0.1:5060"), or set `sip.allow_auth_off_beyond_loopback` to true in a closed laboratory"#,
        ),
        (
            "[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"udp:127.0.0.1:5060\"]\n",
            r#"error: udp:0.0.0.0:5060 of `sip.listen` and udp:127.0.0.1:5060 of `sip.listen` want the same port
  --> offhook.toml:2:10
   |
 2 | listen = ["udp:0.0.0.0:5060", "udp:127.0.0.1:5060"]
   |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"#,
        ),
        (
            "[metrics]\nlisten = \"127.0.0.1:8080\"\n",
            r#"error: tcp:0.0.0.0:8080 of `http.listen` and tcp:127.0.0.1:8080 of `metrics.listen` want the same port
  --> offhook.toml:2:10
   |
 2 | listen = "127.0.0.1:8080"
   |          ^^^^^^^^^^^^^^^^"#,
        ),
        (
            "[sip]\nlisten = [\"udp:127.0.0.1:20002\"]\n",
            r#"error: udp:127.0.0.1:20002 of `sip.listen` lies in the RTP port range 20000-29999 of `media.rtp_ports`
  --> offhook.toml:2:10
   |
 2 | listen = ["udp:127.0.0.1:20002"]
   |          ^^^^^^^^^^^^^^^^^^^^^^^"#,
        ),
        (
            "[sip]\nlisten = []\n",
            r#"error: `sip.listen` is empty, so no phone could ever connect
  --> offhook.toml:2:10
   |
 2 | listen = []
   |          ^^
  = help: for example listen = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]"#,
        ),
        (
            "[registrar]\nmax_expires_s = 600\n",
            "error: `registrar.min_expires_s` (60), `registrar.default_expires_s` (3600) and `registrar.max_expires_s` (600) are not in rising order
  --> offhook.toml:2:17
   |
 2 | max_expires_s = 600
   |                 ^^^",
        ),
        (
            "[sip]\nadvertise = \"2001:db8::1\"\n",
            r#"error: `sip.advertise` is 2001:db8::1, and no listener has an address of that family
  --> offhook.toml:2:13
   |
 2 | advertise = "2001:db8::1"
   |             ^^^^^^^^^^^^^"#,
        ),
];

#[test]
fn settings_that_do_not_go_together() {
    for (file, expected) in TOGETHER {
        assert_eq!(faults_of_file(file), format!("{expected}{ONE}"), "{file}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let sources = Sources { file: Some("/nonexistent/offhook.toml".into()), ..Sources::default() };
    let text = printed(&sources);
    assert!(
        text.starts_with("error: cannot read /nonexistent/offhook.toml: No such file"),
        "{text}"
    );
}

#[test]
fn a_password_is_never_printed() {
    let files = [
        "[database]\nurl = \"postgres://me:hunter2@db/offhook\"\nnope = 1\n",
        "[database]\nurl = \"postgres://me:hunter2@db/offhook\n",
        "[database]\nurl = \"postgress://me:hunter2@db/offhook\"\n",
        "[database]\nulr = \"postgres://me:hunter2@db/offhook\"\n",
        "[database]\nurl = [\"postgres://me:hunter2@db/offhook\"]\n",
    ];
    for file in files {
        let text = faults_of_file(file);
        assert!(text.contains("error") && !text.contains("hunter2"), "{text}");
    }
    let url = "postgres://me:hunter2@db/offhook";
    let mut sources =
        environment(&[("OFFHOOK_DATABASE__URL", url), ("OFFHOOK_DATABASE__URLS", url)]);
    sources.set =
        vec![format!("database.url=x{url}"), format!("database.ulr={url}"), format!("={url}")];
    let text = printed(&sources);
    assert!(text.contains("5 errors") || text.contains("4 errors"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_secret_set_twice_in_the_environment_is_refused() {
    let sources =
        environment(&[("DATABASE_URL", "sqlite:a"), ("DATABASE_URL_FILE", "/nonexistent")]);
    let expected = "error: environment variables DATABASE_URL and DATABASE_URL_FILE are both set
  = help: set only one of them";
    assert_eq!(printed(&sources), format!("{expected}{ONE}"));
}
