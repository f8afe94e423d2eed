//! The four transaction machines as tables: every state with every event, and the times at which the
//! timers fire, compared with the files in `tests/snapshots`.
//!
//! `OFFHOOK_UPDATE_SNAPSHOTS=1 cargo test -p offhook-sip-core --test machines` writes the files anew; read the
//! difference against the RFCs before committing it.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected is to fail")]

mod client_invite;
mod client_non_invite;
mod server_invite;
mod server_non_invite;

use std::fmt::{Debug, Write as _};
use std::path::Path;
use std::time::Duration;

use offhook_engine::Instant;
use offhook_sip_core::{Action, Actions, Timer, TimerConfig, Timing};
use offhook_sip_message::StatusCode;

/// What the table needs to know of a machine.
trait Machine: Copy + Debug + PartialEq {
    fn deadline(&self) -> Option<(Instant, Timer)>;
    fn timeout(&mut self, timing: &Timing, now: Instant) -> Actions;
}

/// One event, with the name under which it stands in the table.
type Event<M> = (&'static str, fn(&mut M, &Timing, Instant) -> Actions);

/// When the states of the tables are entered.
const START: Instant = Instant::from_nanos(100_000_000_000);

fn timing(reliable: bool) -> Timing {
    Timing::new(TimerConfig::default(), reliable)
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}

/// A line for each transport, state and event. `states` gives each state as it is when entered at
/// `START`; the events happen 100 ms later, or at the state's deadline.
fn table<M: Machine>(states: fn(&Timing) -> Vec<(&'static str, M)>, events: &[Event<M>]) -> String {
    let mut text = String::new();
    for (transport, reliable) in [("unreliable", false), ("reliable", true)] {
        let timing = timing(reliable);
        for (name, state) in states(&timing) {
            let _ = writeln!(text, "{transport} {name}: {}", show_deadline(&state, START));
            for (event, apply) in events {
                let now = START + Duration::from_millis(100);
                line(&mut text, event, state, now, |machine| apply(machine, &timing, now));
            }
            let early =
                state.deadline().map_or(START, |(at, _)| Instant::from_nanos(at.as_nanos() - 1));
            line(&mut text, "before its timer", state, early, |machine| {
                machine.timeout(&timing, early)
            });
            if let Some((at, timer)) = state.deadline() {
                let event = format!("timer {timer:?}");
                line(&mut text, &event, state, at, |machine| machine.timeout(&timing, at));
            }
        }
    }
    text
}

fn line<M: Machine>(
    text: &mut String,
    event: &str,
    before: M,
    now: Instant,
    apply: impl FnOnce(&mut M) -> Actions,
) {
    let mut after = before;
    let actions = apply(&mut after);
    let change = if after == before {
        "stays".to_owned()
    } else {
        let name = format!("{after:?}");
        let name = name.split([' ', '{']).next().unwrap_or_default();
        format!("{name}, {}", show_deadline(&after, now))
    };
    let _ = writeln!(text, "    {event:<18} {:<36} {change}", format!("{actions:?}"));
}

fn show_deadline<M: Machine>(machine: &M, now: Instant) -> String {
    match machine.deadline() {
        Some((at, timer)) => format!("timer {timer:?} in {:?}", at - now),
        None => "no timer".to_owned(),
    }
}

/// What a machine does when left alone from `START` on: when, why and what.
fn schedule<M: Machine>(mut machine: M, timing: &Timing) -> Vec<(u64, Timer, Actions)> {
    let mut events = Vec::new();
    while let Some((at, timer)) = machine.deadline() {
        let actions = machine.timeout(timing, at);
        assert!(
            machine.deadline().is_none_or(|(next, _)| next > at),
            "time must pass: {machine:?}"
        );
        let millis = u64::try_from((at - START).as_millis()).unwrap();
        events.push((millis, timer, actions));
    }
    events
}

/// The expected schedule: `action` at each of `repeats`, then the end.
fn repeats_then(
    repeats: &[u64],
    timer: Timer,
    action: Action,
    end: (u64, Timer, Actions),
) -> Vec<(u64, Timer, Actions)> {
    let mut events: Vec<_> = repeats.iter().map(|at| (*at, timer, action.into())).collect();
    events.push(end);
    events
}

const TIMED_OUT: Actions = Actions::of(&[Action::ReportTimeout, Action::End]);
const ENDED: Actions = Actions::of(&[Action::End]);

fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("OFFHOOK_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (actual, expected)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "{name}: number of lines");
}
