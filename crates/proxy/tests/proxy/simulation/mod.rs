//! Thousands of short histories: phones call each other through the proxy, give up, answer, hang up and
//! vanish, over networks that lose, double, delay and reorder every message. What must hold of each
//! history is checked in `world`.

mod relay;
mod world;

use std::time::Duration;

use offhook_proxy::MediaPolicy;
use offhook_testkit::{Attempt, Conditions, Outcome, Reaction, for_each_seed};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::world::{Climate, Line, Plan, World, config};

const CALLS: usize = 3;

/// What happened over all seeds, to see that the seeds cover what they are for.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    cancelled: usize,
    refused: usize,
    timed_out: usize,
    answered_twice: usize,
    expired: usize,
    unacknowledged: usize,
}

impl Tally {
    fn count(&mut self, world: &World) {
        self.expired += world.expired_calls().len();
        let legs = world.phones.iter().flat_map(|phone| phone.legs());
        self.unacknowledged += legs.filter(|leg| leg.is_unacknowledged).count();
        for phone in &world.phones {
            for (_, outcomes) in phone.outcomes() {
                match outcomes[0] {
                    Outcome::TimedOut => self.timed_out += 1,
                    Outcome::Status(status) if status.is_success() => self.answered += 1,
                    Outcome::Status(status) if status.as_u16() == 487 => self.cancelled += 1,
                    Outcome::Status(_) => self.refused += 1,
                }
                self.answered_twice += usize::from(outcomes.len() > 1);
            }
        }
    }
}

const FAIR: Climate = Climate {
    network: Conditions::perfect(),
    lost_lookups: 0,
    broken_connections: 0,
    rings_on_for: Duration::from_secs(1),
};

/// A caller that hears nothing gives up by itself; then timer C and the CANCEL after it silence bob.
const AWFUL: Climate = Climate {
    network: Conditions::awful(),
    lost_lookups: 20,
    broken_connections: 20,
    rings_on_for: Duration::from_secs(60 + 32 + 8),
};

/// A network that hardly deserves the name: nothing can be promised but that it ends.
const HOPELESS: Climate = Climate {
    network: Conditions { loss: 900, ..Conditions::awful() },
    rings_on_for: Duration::MAX,
    ..AWFUL
};

#[test]
fn fair_weather() {
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..500, |seed| run(seed, FAIR, &mut tally));
    if !all_run {
        return;
    }
    assert_eq!((tally.timed_out, tally.expired, tally.unacknowledged), (0, 0, 0), "{tally:?}");
    assert!(tally.answered > 300 && tally.cancelled > 150 && tally.refused > 150, "{tally:?}");
}

#[test]
fn awful_weather() {
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..2_000, |seed| run(seed, AWFUL, &mut tally));
    if !all_run {
        return;
    }
    assert_eq!(tally.expired, 0, "a BYE gets through in one of eleven attempts: {tally:?}");
    // Two of five 2xx with their ACK get through, and there are ten of them: one call in 200 is lost.
    assert!(tally.unacknowledged < 20, "{tally:?}");
    assert!(tally.answered > 1_200 && tally.cancelled > 600 && tally.refused > 600, "{tally:?}");
    assert!(tally.answered_twice > 20, "{tally:?}");
}

#[test]
fn nine_messages_of_ten_are_lost() {
    let mut tally = Tally::default();
    let all_run = for_each_seed(0..300, |seed| run(seed, HOPELESS, &mut tally));
    assert!(!all_run || tally.timed_out > 300 && tally.answered > 20, "{tally:?}");
}

#[test]
fn the_proxy_is_killed_at_any_moment() {
    for_each_seed(0..500, |seed| {
        run_with_restart(seed, AWFUL);
    });
}

/// The calls that were up when the proxy was killed can be ended from either side.
#[test]
fn calls_survive_the_proxy() {
    let mut survivors = 0;
    let all_run = for_each_seed(0..500, |seed| {
        let world = run_with_restart(seed, FAIR);
        let restart = world.restarted.unwrap();
        for leg in world.phones.iter().flat_map(|phone| phone.legs()) {
            // A BYE that the killed proxy had accepted is lost with it.
            let lost = leg.unanswered_bye.filter(|&at| at > restart);
            assert_eq!(lost, None, "{leg:?}\n{}", world.story());
        }
        survivors += world.calls_up_at_restart;
    });
    assert!(!all_run || survivors > 100, "{survivors}");
}

fn run_with_restart(seed: u64, climate: Climate) -> World {
    let mut world = draw(seed, climate);
    let at = StdRng::seed_from_u64(!seed).random_range(0..40_000);
    world.plan(Duration::from_millis(at), Plan::Restart);
    world.finish();
    world
}

fn run(seed: u64, climate: Climate, tally: &mut Tally) {
    let mut world = draw(seed, climate);
    world.finish();
    tally.count(&world);
}

/// Two callers, bob with one to three phones, and a few calls.
fn draw(seed: u64, climate: Climate) -> World {
    let mut random = StdRng::seed_from_u64(seed);
    let mut config = config();
    let is_relayed = random.random_range(0..2) == 0;
    config.media = if is_relayed { MediaPolicy::Always } else { MediaPolicy::Never };
    let mut world = World::new(seed, climate, config);
    let callers = [(); 2].map(|()| world.add_phone(draw_line(&mut random), false));
    let phones = random.random_range(1..4);
    let bobs: Vec<usize> =
        (0..phones).map(|_| world.add_phone(draw_line(&mut random), true)).collect();
    for number in 0..CALLS {
        for &phone in &bobs {
            let reaction = draw_reaction(&mut random);
            world.phones[phone].expect_call(reaction);
        }
        let attempt = Attempt {
            to: "sip:bob@example.com".into(),
            call_id: format!("call{number}"),
            sdp: if random.random_range(0..4) > 0 { "offer".into() } else { String::new() },
            gives_up_after: draw_patience(&mut random),
            hangs_up_after: draw_end(&mut random, 300_000),
        };
        let caller = callers[random.random_range(0..callers.len())];
        let at = Duration::from_millis(random.random_range(0..20_000));
        world.plan(at, Plan::Call(caller, attempt));
    }
    world
}

fn draw_line(random: &mut StdRng) -> Line {
    [Line::Udp, Line::Udp, Line::Nat, Line::Tcp][random.random_range(0..4)]
}

fn draw_patience(random: &mut StdRng) -> Duration {
    let most = [6_000, 6_000, 40_000, 150_000][random.random_range(0..4)];
    Duration::from_millis(random.random_range(0..most))
}

/// When somebody hangs up: soon, or `at_last`.
fn draw_end(random: &mut StdRng, at_last: u64) -> Option<Duration> {
    let is_soon = random.random_range(0..3) > 0;
    let after = if is_soon { random.random_range(0..20_000) } else { at_last };
    Some(Duration::from_millis(after))
}

fn draw_reaction(random: &mut StdRng) -> Reaction {
    let mut after = 0;
    let mut provisional = Vec::new();
    for status in [100, 180, 183] {
        if random.random_range(0..3) > 0 {
            after += random.random_range(0..1_500);
            provisional.push((Duration::from_millis(after), status));
        }
    }
    let last = [200, 200, 200, 486, 480, 302, 503, 603][random.random_range(0..8)];
    // One phone in six rings until it is told not to, or its owner comes home.
    after += if random.random_range(0..6) == 0 { 200_000 } else { random.random_range(0..6_000) };
    Reaction {
        provisional,
        final_response: (Duration::from_millis(after), last),
        hangs_up_after: draw_end(random, 120_000),
    }
}
