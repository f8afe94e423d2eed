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
fn sql_has_one_home() {
    let workspace = Workspace::load();
    let homes = ["offhook-database", "offhook-location-store", "offhook-directory"];
    let users = workspace.members.iter().filter(|member| member.dependencies.contains("sqlx"));
    let strangers: Vec<&str> =
        users.map(|member| member.name.as_str()).filter(|name| !homes.contains(name)).collect();
    assert!(strangers.is_empty(), "these must leave SQL to the stores: {strangers:?}");
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
