//! CPU time of processes, as the system accounts it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::process;

/// CPU time that a process and all its descendants have used, in user and kernel mode, all
/// threads included.
///
/// # Panics
/// When the process does not exist.
#[must_use]
pub fn used_by(root: u32) -> Duration {
    let ticks: u64 = tree(root).into_iter().filter_map(stat).map(|stat| stat.ticks).sum();
    assert!(stat(root).is_some(), "process {root} runs");
    Duration::from_millis(ticks * 1000 / ticks_per_second())
}

/// Binds a process and its descendants, with all their threads, to one processor.
///
/// # Panics
/// When the system refuses.
pub fn pin(root: u32, processor: usize) {
    for id in tree(root) {
        let mut command = Command::new("taskset");
        command.args(["--all-tasks", "--pid", "--cpu-list"]);
        command.args([processor.to_string(), id.to_string()]);
        process::run("a process is bound to a processor", &mut command);
    }
}

/// A process and all its descendants.
fn tree(root: u32) -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").expect("/proc can be read").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, stat(id)?.parent))).collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        found.extend(
            all.iter().filter(|(_, up)| found.contains(up)).map(|(id, _)| *id).collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found;
        }
    }
}

/// What the tests need of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may hold anything, blanks and brackets included.
    let (_, fields) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // Counted from the state, which is field 3 in proc(5): parent 4, utime 14, stime 15.
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat { parent: number(1)? as u32, ticks: number(11)? + number(12)? })
}

#[expect(unsafe_code, reason = "std does not tell the length of an accounting tick")]
fn ticks_per_second() -> u64 {
    // SAFETY: sysconf reads a constant of the system and takes no pointer.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).expect("the system counts ticks")
}
