//! Each message of each flow, damaged alone: its first, second or third transmission is lost, doubled
//! or late, and the flow still comes to the end that it was meant to have.

use std::time::Duration;

use offhook_sip_message::{Method, StatusCode, Transport};
use offhook_testkit::{Conditions, Fate};

use crate::callee::Script;
use crate::caller::{Call, Outcome};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
enum Damage {
    Lose,
    Double,
    /// The copy is held up for longer than timers A and E.
    Late,
}

impl Damage {
    fn fate(self) -> Fate {
        let usual = Conditions::perfect().min_latency;
        let late = usual + Duration::from_millis(1_700);
        match self {
            Self::Lose => Fate::Lost,
            Self::Double => Fate::Each(vec![usual, late]),
            Self::Late => Fate::After(late),
        }
    }
}

struct Flow {
    name: &'static str,
    method: Method,
    cancelled_after: Option<u64>,
    /// Milliseconds after the request, and status.
    answers: &'static [(u64, u16)],
    /// The statuses with which it may end.
    ends: &'static [u16],
    /// Every message that it consists of when nothing goes wrong.
    messages: &'static [&'static str],
}

const FLOWS: [Flow; 7] = [
    Flow {
        name: "an answered INVITE",
        method: Method::Invite,
        cancelled_after: None,
        answers: &[(0, 100), (500, 180), (1_000, 200)],
        ends: &[200],
        messages: &["INVITE", "100 INVITE", "180 INVITE", "200 INVITE", "ACK"],
    },
    Flow {
        name: "an INVITE answered at once",
        method: Method::Invite,
        cancelled_after: None,
        answers: &[(0, 200)],
        ends: &[200],
        messages: &["INVITE", "200 INVITE", "ACK"],
    },
    Flow {
        name: "a refused INVITE",
        method: Method::Invite,
        cancelled_after: None,
        answers: &[(0, 100), (500, 486)],
        ends: &[486],
        messages: &["INVITE", "100 INVITE", "486 INVITE", "ACK"],
    },
    Flow {
        name: "a cancelled INVITE",
        method: Method::Invite,
        cancelled_after: Some(2_000),
        answers: &[(0, 100), (500, 180)],
        ends: &[487],
        messages: &[
            "INVITE",
            "100 INVITE",
            "180 INVITE",
            "CANCEL",
            "200 CANCEL",
            "487 INVITE",
            "ACK",
        ],
    },
    Flow {
        name: "an INVITE cancelled before any response",
        method: Method::Invite,
        cancelled_after: Some(5),
        answers: &[(0, 100)],
        ends: &[487],
        messages: &["INVITE", "100 INVITE", "CANCEL", "200 CANCEL", "487 INVITE", "ACK"],
    },
    Flow {
        name: "a CANCEL that crosses the 200",
        method: Method::Invite,
        cancelled_after: Some(1_005),
        answers: &[(0, 100), (990, 200)],
        ends: &[200, 487],
        messages: &["INVITE", "100 INVITE", "200 INVITE", "CANCEL", "200 CANCEL", "ACK"],
    },
    Flow {
        name: "a non-INVITE request",
        method: Method::Options,
        cancelled_after: None,
        answers: &[(4_000, 200)],
        ends: &[200],
        messages: &["OPTIONS", "100 OPTIONS", "200 OPTIONS"],
    },
];

#[test]
fn undamaged_flows_consist_of_the_messages_listed() {
    for flow in &FLOWS {
        let mut world = run(flow, Transport::Tcp, |_, _| None);
        let mut sent: Vec<String> = std::mem::take(&mut world.log)
            .iter()
            .filter_map(|line| line.split_once(" sends ").map(|(_, label)| label.to_owned()))
            .collect();
        sent.sort();
        let mut expected = flow.messages.to_vec();
        expected.sort_unstable();
        assert_eq!(sent, expected, "{}", flow.name);
    }
}

#[test]
fn each_transmission_of_each_message_may_be_lost_doubled_or_late() {
    for flow in &FLOWS {
        for message in flow.messages {
            for transmission in 1..=3 {
                for damage in [Damage::Lose, Damage::Double, Damage::Late] {
                    run(flow, Transport::Udp, |label, count| {
                        (label == *message && count == transmission).then(|| damage.fate())
                    });
                }
            }
        }
    }
}

#[test]
fn the_first_three_transmissions_of_a_message_may_all_be_lost() {
    for flow in &FLOWS {
        for message in flow.messages {
            run(flow, Transport::Udp, |label, count| {
                (label == *message && count <= 3).then_some(Fate::Lost)
            });
        }
    }
}

#[test]
fn any_two_messages_may_be_damaged_together() {
    for flow in &FLOWS {
        for one in flow.messages {
            for other in flow.messages {
                for damage in [Damage::Lose, Damage::Double, Damage::Late] {
                    run(flow, Transport::Udp, |label, count| {
                        ((label == *one || label == *other) && count == 1).then(|| damage.fate())
                    });
                }
            }
        }
    }
}

/// Runs a flow. `damage` is asked about each message: which one it is, and how many such have been
/// sent, this one included.
fn run(flow: &Flow, transport: Transport, damage: impl Fn(&str, usize) -> Option<Fate>) -> World {
    let mut world = World::new(1, transport, Conditions::perfect());
    let mut call = Call::new(flow.method);
    call.cancelled_after = flow.cancelled_after.map(Duration::from_millis);
    let answers =
        flow.answers.iter().map(|(after, code)| (Duration::from_millis(*after), status(*code)));
    world.callee.scripts.push(Script { answers: answers.collect() });
    world.place(vec![call]);
    world.finish_judged(&damage);
    world.check_that_it_went_smoothly();
    let outcome = world.caller.calls[0].outcomes[0];
    let may_end = flow.ends.iter().any(|code| outcome == Outcome::Status(status(*code)));
    assert!(may_end, "{}: {outcome:?}\n{}", flow.name, world.story());
    if flow.method == Method::Invite && outcome == Outcome::Status(StatusCode::OK) {
        assert!(world.callee.was_acknowledged(0), "{}: no ACK\n{}", flow.name, world.story());
    }
    world
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}
