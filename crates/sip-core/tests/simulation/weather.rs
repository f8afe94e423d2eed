//! Many calls over many networks: whatever is lost, doubled, late or out of order, the promises hold.

use std::time::Duration;

use offhook_sip_message::{Method, StatusCode, Transport};
use offhook_testkit::{Conditions, for_each_seed};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::callee::Script;
use crate::caller::{Call, Outcome};
use crate::world::World;

const CALLS: usize = 4;

/// How often each thing happened in all runs, to be sure that the runs meet everything.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    refused: usize,
    cancelled: usize,
    answered_though_cancelled: usize,
    timed_out: usize,
    unacknowledged: usize,
    repeated_2xx: usize,
}

#[test]
fn awful_networks() {
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..3_000, |seed| {
        run(seed, Transport::Udp, Conditions::awful(), &mut tally);
    });
    if !all_run {
        return;
    }
    assert!(tally.answered > 500, "{tally:?}");
    assert!(tally.refused > 500, "{tally:?}");
    assert!(tally.cancelled > 100, "{tally:?}");
    assert!(tally.answered_though_cancelled > 100, "{tally:?}");
    assert!(tally.timed_out > 20, "{tally:?}");
    assert!(tally.repeated_2xx > 500, "{tally:?}");
    assert_eq!(tally.unacknowledged, 0, "the ACK gets through in one of twelve attempts");
}

#[test]
fn networks_that_lose_nine_messages_of_ten() {
    let conditions = Conditions { loss: 900, ..Conditions::awful() };
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..300, |seed| {
        run(seed, Transport::Udp, conditions, &mut tally);
    });
    assert!(!all_run || tally.timed_out > 300 && tally.answered + tally.refused > 100, "{tally:?}");
}

#[test]
fn dead_networks() {
    let conditions = Conditions { loss: 1_000, ..Conditions::perfect() };
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut tally = Tally::default();
        let all_run = for_each_seed(0..50, |seed| {
            run(seed, transport, conditions, &mut tally);
        });
        assert!(!all_run || tally.timed_out == 50 * CALLS, "{tally:?}");
    }
}

/// Over TCP nothing is lost or overtakes, and nothing is sent twice.
#[test]
fn reliable_networks() {
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..500, |seed| {
        let sent = run(seed, Transport::Tcp, Conditions::perfect(), &mut tally);
        assert_eq!(sent, 0, "retransmissions");
    });
    assert_eq!(tally.repeated_2xx, 0);
    assert!(!all_run || tally.cancelled > 50 && tally.answered_though_cancelled > 10, "{tally:?}");
}

/// Runs one seed and returns how many messages the layers sent again.
fn run(seed: u64, transport: Transport, conditions: Conditions, tally: &mut Tally) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed, transport, conditions);
    for _ in 0..CALLS {
        let (call, script) = draw(&mut random);
        world.callee.scripts.push(script);
        world.place(vec![call]);
    }
    world.finish();
    for call in &world.caller.calls {
        tally.count(call);
    }
    for number in 0..CALLS {
        let was_heard = world.caller.calls[number].outcomes[0] != Outcome::TimedOut;
        tally.unacknowledged += usize::from(was_heard && world.callee.timed_out(number));
    }
    world.caller.layer.counters().retransmissions + world.callee.layer.counters().retransmissions
}

impl Tally {
    fn count(&mut self, call: &Call) {
        let is_cancelled = call.method == Method::Invite && call.cancelled_after.is_some();
        match call.outcomes[0] {
            Outcome::TimedOut => self.timed_out += 1,
            Outcome::Status(status) if status.as_u16() == 487 => self.cancelled += 1,
            Outcome::Status(status) if status.is_success() => {
                self.answered += 1;
                self.answered_though_cancelled += usize::from(is_cancelled);
            }
            Outcome::Status(_) => self.refused += 1,
        }
        self.repeated_2xx += call.repeated_2xx;
    }
}

fn draw(random: &mut StdRng) -> (Call, Script) {
    let is_invite = random.random_range(0..3) > 0;
    let mut call = Call::new(if is_invite { Method::Invite } else { Method::Options });
    call.starts_at = Duration::from_millis(random.random_range(0..2_000));
    if random.random_range(0..2) == 0 {
        call.cancelled_after = Some(Duration::from_millis(random.random_range(0..6_000)));
    }
    let script = if is_invite { draw_invite(random) } else { draw_options(random) };
    (call, script)
}

fn draw_invite(random: &mut StdRng) -> Script {
    let mut answers = Vec::new();
    let mut after = 0;
    for provisional in [100, 180, 183] {
        if random.random_range(0..3) > 0 {
            after += random.random_range(0..1_000);
            answers.push((Duration::from_millis(after), status(provisional)));
        }
    }
    // One callee in ten does not answer until long after the caller has lost patience.
    let last = if random.random_range(0..10) == 0 {
        after += 75_000;
        480
    } else {
        after += random.random_range(0..5_000);
        [200, 200, 302, 486, 603][random.random_range(0..5)]
    };
    answers.push((Duration::from_millis(after), status(last)));
    Script { answers }
}

fn draw_options(random: &mut StdRng) -> Script {
    let last = [200, 200, 404, 503, 408][random.random_range(0..5)];
    // Late enough, at times, for the layer to send its own 100.
    let after = Duration::from_millis(random.random_range(0..6_000));
    Script { answers: vec![(Duration::ZERO, status(100)), (after, status(last))] }
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}
