//! The rules of ARCHITECTURE.md that a machine can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use offhook_integration_tests::metadata::{Layer, Member, Workspace};

#[test]
fn crates_depend_only_downwards() {
    let workspace = Workspace::load();
    let mut faults = Vec::new();
    for member in &workspace.members {
        for dependency in &member.dependencies {
            let Some(used) = workspace.member(dependency) else { continue };
            if !may_use(member, used) {
                faults.push(format!("{} must not depend on {}", member.name, used.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The arrows of ARCHITECTURE.md.
fn may_use(member: &Member, used: &Member) -> bool {
    match member.layer {
        Layer::Wire => false,
        Layer::Engine => {
            let shared = ["offhook-engine", "offhook-sip-core"].contains(&used.name.as_str());
            used.layer == Layer::Wire || shared
        }
        Layer::Edge => {
            let time = member.name == "offhook-platform" && used.name == "offhook-engine";
            matches!(used.layer, Layer::Wire | Layer::Edge) || time
        }
        Layer::Service => used.layer != Layer::Test,
        Layer::Test => true,
    }
}

#[test]
fn codecs_and_engines_know_no_socket_runtime_or_database() {
    let workspace = Workspace::load();
    let banned = ["tokio", "socket2", "sqlx", "libc", "mio", "getrandom", "rand", "async-std"];
    let mut faults = Vec::new();
    for member in &workspace.members {
        if !matches!(member.layer, Layer::Wire | Layer::Engine) {
            continue;
        }
        let tree = workspace.tree(&member.name);
        for name in banned.into_iter().filter(|name| tree.contains(name)) {
            faults.push(format!("{name} is in the dependency tree of {}", member.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn packages_that_are_banned_or_have_one_home_are_used_nowhere_else() {
    let workspace = Workspace::load();
    let policy = policy(&workspace);
    let bans = policy["bans"]["deny"].as_array().expect("bans are listed");
    for ban in bans {
        let name = ban["name"].as_str().expect("a ban has a name");
        let homes = ban.get("wrappers").map(words).unwrap_or_default();
        let banned = homes.is_empty() && workspace.licences.contains_key(name);
        assert!(!banned, "{name} is banned by deny.toml");
        let users = workspace.members.iter().filter(|member| member.dependencies.contains(name));
        let mut strangers = users.filter(|member| !homes.contains(&member.name));
        assert!(strangers.next().is_none(), "only {homes:?} may use {name}");
    }
}

#[test]
fn every_package_has_a_licence_that_we_accept() {
    let workspace = Workspace::load();
    let accepted = words(&policy(&workspace)["licenses"]["allow"]);
    let refused: Vec<_> = workspace
        .licences
        .iter()
        .filter(|(_, licence)| !is_acceptable(licence, &accepted))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Whether one of the alternatives of an SPDX expression is accepted with all its parts. The
/// expressions that packages use nest no deeper than one pair of brackets.
fn is_acceptable(expression: &str, accepted: &BTreeSet<String>) -> bool {
    let known = |licence: &str| {
        let (licence, _exception) = licence.split_once(" WITH ").unwrap_or((licence, ""));
        accepted.contains(licence.trim())
    };
    let (outside, inside) = match expression.split_once('(') {
        Some((before, rest)) => {
            let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
            (format!("{before}{BRACKETED}{after}"), inside)
        }
        None => (expression.to_owned(), BRACKETED),
    };
    let alternatives = outside.split(" OR ").flat_map(|part| part.split('/'));
    alternatives.into_iter().any(|alternative| {
        alternative.split(" AND ").all(|part| match part.trim() {
            BRACKETED => inside != BRACKETED && is_acceptable(inside, accepted),
            part => known(part),
        })
    })
}

/// Stands for the bracketed part of an expression.
const BRACKETED: &str = "()";

#[test]
fn licence_expressions_are_understood() {
    let accepted = BTreeSet::from(["MIT", "ISC", "Apache-2.0"].map(str::to_owned));
    for expression in [
        "MIT",
        "MIT OR GPL-3.0",
        "MIT/Apache-2.0",
        "ISC AND (GPL-2.0 OR Apache-2.0)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_acceptable(expression, &accepted), "{expression}");
    }
    for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "ISC AND (GPL-2.0 OR MPL-2.0)"] {
        assert!(!is_acceptable(expression, &accepted), "{expression}");
    }
}

fn policy(workspace: &Workspace) -> toml::Table {
    let text = fs::read_to_string(workspace.root.join("deny.toml"));
    text.expect("deny.toml can be read").parse().expect("deny.toml is TOML")
}

fn words(list: &toml::Value) -> BTreeSet<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

#[test]
fn no_source_file_is_longer_than_800_lines() {
    let workspace = Workspace::load();
    let mut faults = Vec::new();
    for file in sources(&workspace) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        let lines = text.lines().count();
        if lines > 800 {
            faults.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(faults.is_empty(), "one noun, one file: {faults:#?}");
}

#[test]
fn no_file_or_module_has_a_name_that_says_nothing() {
    let workspace = Workspace::load();
    let refused = BTreeSet::from([
        "manager", "handler", "handlers", "helper", "helpers", "utils", "util", "common", "misc",
        "unified", "v2",
    ]);
    let mut faults = Vec::new();
    for file in sources(&workspace) {
        let inside = file.strip_prefix(&workspace.root).unwrap_or(&file);
        let words = inside.components().filter_map(|part| part.as_os_str().to_str());
        let words = words.flat_map(|part| part.trim_end_matches(".rs").split(['_', '-', '.']));
        for word in words.filter(|word| refused.contains(word)) {
            faults.push(format!("{}: {word}", inside.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_left_undone_or_skipped() {
    let workspace = Workspace::load();
    // Spelled in two parts, so that this file does not accuse itself.
    let refused = [
        concat!("#[igno", "re"),
        concat!("#[allo", "w("),
        concat!("#[should_", "panic"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let mut faults = Vec::new();
    for file in sources(&workspace) {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for (number, line) in text.lines().enumerate() {
            for word in refused.into_iter().filter(|word| line.contains(word)) {
                faults.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let workspace = Workspace::load();
    for member in &workspace.members {
        let manifest = fs::read_to_string(member.folder.join("Cargo.toml"));
        let manifest = manifest.expect("a manifest can be read");
        let taken = manifest.contains("[lints]\nworkspace = true");
        assert!(taken, "{} has lints of its own", member.name);
    }
}

/// Every Rust file of the workspace's crates.
fn sources(workspace: &Workspace) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for member in &workspace.members {
        collect(&member.folder, &mut files);
    }
    assert!(files.len() > workspace.members.len(), "the sources are found");
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
