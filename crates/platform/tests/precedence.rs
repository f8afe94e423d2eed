//! Which source wins, what it may look like, and what `config show` says about it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use offhook_platform::{Config, Engage, LogFormat, MediaRelay, Program, Sources};

fn sources(file: &Path, environment: &[(&str, &str)], set: &[&str]) -> Sources {
    Sources {
        file: Some(file.to_owned()),
        environment: BTreeMap::from_iter(
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        ),
        set: set.iter().map(|text| (*text).to_owned()).collect(),
        data_dir: None,
    }
}

fn load(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offhook.toml");
    std::fs::write(&path, file).unwrap();
    sources(&path, environment, set)
        .load(Program::Offhook)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn each_source_beats_the_one_before() {
    let file = "[sip]\nrealm = \"file\"\n";
    let variable = [("OFFHOOK_SIP__REALM", "environment")];
    assert_eq!(load("", &[], &[]).sip.realm.as_str(), "offhook");
    assert_eq!(load(file, &[], &[]).sip.realm.as_str(), "file");
    assert_eq!(load(file, &variable, &[]).sip.realm.as_str(), "environment");
    assert_eq!(load(file, &variable, &["sip.realm=set"]).sip.realm.as_str(), "set");
    assert_eq!(
        load(file, &variable, &["sip.realm=set", "sip.realm=\"last\""]).sip.realm.as_str(),
        "last"
    );
}

#[test]
fn our_variables_beat_the_well_known_ones() {
    let well_known = [("DATABASE_URL", "sqlite:a.db"), ("RUST_LOG", "debug")];
    let config = load("[log]\nlevel = \"warn\"\n", &well_known, &[]);
    assert_eq!(config.database_url().expose(), "sqlite:a.db");
    assert_eq!(config.log.level.as_str(), "debug");
    let ours = [("OFFHOOK_DATABASE__URL", "sqlite:b.db"), ("OFFHOOK_LOG__LEVEL", "error")];
    let config = load("", &[well_known, ours].concat(), &[]);
    assert_eq!(config.database_url().expose(), "sqlite:b.db");
    assert_eq!(config.log.level.as_str(), "error");
}

#[test]
fn a_secret_can_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    std::fs::write(&path, "postgres://me:hunter2@db/offhook\n").unwrap();
    let path = path.display().to_string();
    for name in ["DATABASE_URL_FILE", "OFFHOOK_DATABASE__URL_FILE"] {
        let config = load("", &[(name, &path)], &[]);
        assert_eq!(config.database_url().expose(), "postgres://me:hunter2@db/offhook");
        assert!(!config.to_toml(true).contains("hunter2"));
    }
}

#[test]
fn quotes_may_be_left_out_on_the_command_line() {
    let set = [
        "sip.listen=udp:127.0.0.1:5070,tcp:[::1]:5070",
        "sip.domains=[\"Example.com\", 'example.org']",
        "sip.realm=1234",
        "media.engage=never",
        "media.rtp_ports=20000-20999",
        "media.relay=udp:media:2223",
        "http.listen=",
        "metrics.listen=\"\"",
        "log.format=json",
        "proxy.timer_c_s=200",
        "sip.allow_auth_off_beyond_loopback=true",
        "data_dir=/tmp/x",
    ];
    let config = load("", &[], &set);
    let listen: Vec<String> = config.sip.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["udp:127.0.0.1:5070", "tcp:[::1]:5070"]);
    let domains: Vec<&str> = config.sip.domains.iter().map(|domain| domain.as_str()).collect();
    assert_eq!(domains, ["example.com", "example.org"]);
    assert_eq!(config.sip.realm.as_str(), "1234");
    assert_eq!(config.media.engage, Engage::Never);
    assert_eq!(config.media.rtp_ports.to_string(), "20000-20999");
    assert!(
        matches!(&config.media.relay, MediaRelay::Ng(at) if at.host == "media" && at.port == 2223)
    );
    assert_eq!((config.http.listen, config.metrics.listen), (None, None));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.proxy.timer_c_s.get(), 200);
    assert!(config.sip.allow_auth_off_beyond_loopback);
    assert_eq!(config.data_dir(), Path::new("/tmp/x"));
}

#[test]
fn a_closed_laboratory_needs_both_switches() {
    let off = "[sip]\nauth = \"off\"\n";
    let sources = |set: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offhook.toml");
        std::fs::write(&path, off).unwrap();
        sources(&path, &[], set).load(Program::Offhook).map(|config| config.warnings().len())
    };
    assert!(sources(&[]).is_err());
    assert_eq!(sources(&["sip.listen=udp:127.0.0.1:5060,tcp:[::1]:5060"]).unwrap(), 1);
    assert_eq!(sources(&["sip.allow_auth_off_beyond_loopback=true"]).unwrap(), 1);
}

#[test]
fn defaults_differ_by_program_where_they_must() {
    let (offhook, proxy, media) = (
        Config::for_program(Program::Offhook),
        Config::for_program(Program::Proxy),
        Config::for_program(Program::Media),
    );
    assert_eq!(offhook.media.relay, MediaRelay::Internal);
    assert_eq!(offhook.media.listen_ng, None);
    assert_eq!(proxy.media.relay.to_string(), "udp:127.0.0.1:2223");
    assert_eq!(media.media.listen_ng, Some("127.0.0.1:2223".parse().unwrap()));
    for program in [Program::Offhook, Program::Proxy, Program::Media] {
        assert!(Sources::default().load(program).is_ok(), "{}", program.name());
    }
    let internal = Sources { set: vec!["media.relay=internal".into()], ..Sources::default() };
    assert!(internal.load(Program::Proxy).is_err());
}

#[test]
fn variables_of_kubernetes_are_left_alone() {
    load(
        "",
        &[("OFFHOOK_PORT_5060_UDP", "udp://10.0.0.1:5060"), ("OFFHOOK_SERVICE_HOST", "10.0.0.1")],
        &[],
    );
}

#[test]
fn show_prints_values_origins_and_no_password() {
    let file = "# lab\n[database]\nurl = \"postgres://me:hunter2@db/offhook\"\n";
    let config = load(file, &[("OFFHOOK_SIP__REALM", "lab")], &["media.engage=never"]);
    let shown = config.to_toml(false);
    for line in [
        "data_dir = \"./offhook-data\"\n",
        "\n[sip]\nlisten = [\"udp:0.0.0.0:5060\", \"tcp:0.0.0.0:5060\"]\n",
        "realm = \"lab\"  # environment OFFHOOK_SIP__REALM\n",
        "engage = \"never\"  # --set\n",
        "timer_c_s = 180\n",
        "format = \"text\"\n",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    let url = shown.lines().find(|line| line.starts_with("url = ")).unwrap();
    assert!(
        url.starts_with("url = \"postgres://me:***@db/offhook\"  # ")
            && url.ends_with("offhook.toml:3"),
        "{url}"
    );
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_show_prints_can_be_loaded_again() {
    let config = Config::for_program(Program::Offhook);
    let again = load(&config.to_toml(true), &[], &[]);
    assert_eq!(again.sip, config.sip);
    assert_eq!(again.media, config.media);
    assert_eq!(again.http, config.http);
    assert_eq!(again.database_url(), config.database_url());
}
