//! A network that loses, doubles, delays and reorders, the same way each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use offhook_engine::Instant;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How bad a network is. Probabilities are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The shortest time that a message takes.
    pub min_latency: Duration,
    /// The longest time that a message takes, unless it is held up. The wider the gap to the
    /// shortest, the more messages overtake each other.
    pub max_latency: Duration,
    /// How many of a thousand messages never arrive.
    pub loss: u32,
    /// How many of a thousand messages arrive twice.
    pub duplication: u32,
    /// How many of a thousand messages are held up for `hold_up` on top, past their successors.
    pub reordering: u32,
    /// How long a message is held up.
    pub hold_up: Duration,
}

impl Conditions {
    /// A network without faults: everything takes 10 ms.
    #[must_use]
    pub const fn perfect() -> Self {
        Self {
            min_latency: Duration::from_millis(10),
            max_latency: Duration::from_millis(10),
            loss: 0,
            duplication: 0,
            reordering: 0,
            hold_up: Duration::ZERO,
        }
    }

    /// A network on which every fault is frequent.
    #[must_use]
    pub const fn awful() -> Self {
        Self {
            min_latency: Duration::from_millis(1),
            max_latency: Duration::from_millis(300),
            loss: 200,
            duplication: 150,
            reordering: 150,
            hold_up: Duration::from_millis(1_500),
        }
    }
}

/// What is to happen to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives after this time.
    After(Duration),
    /// It arrives once after each of these times.
    Each(Vec<Duration>),
}

/// A message that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<N, P> {
    /// When it arrived.
    pub at: Instant,
    /// Who sent it.
    pub from: N,
    /// To whom.
    pub to: N,
    /// What was sent.
    pub payload: P,
}

/// Messages on their way between nodes named by `N`.
pub struct SimNetwork<N, P> {
    random: StdRng,
    conditions: Conditions,
    /// By time of arrival, then in the order sent.
    under_way: BinaryHeap<Reverse<Entry<N, P>>>,
    sent: u64,
}

struct Entry<N, P> {
    order: (Instant, u64),
    delivery: Delivery<N, P>,
}

impl<N, P> PartialEq for Entry<N, P> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<N, P> Eq for Entry<N, P> {}

impl<N, P> PartialOrd for Entry<N, P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<N, P> Ord for Entry<N, P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl<N: Clone, P: Clone> SimNetwork<N, P> {
    /// An empty network.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            conditions,
            under_way: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// Changes the weather for what is sent from here on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Sends a message, whose fate the conditions and the seed decide.
    pub fn send(&mut self, now: Instant, from: N, to: N, payload: P) {
        let fate = self.draw_fate();
        self.send_with(now, from, to, payload, fate);
    }

    /// Sends a message whose fate is known.
    pub fn send_with(&mut self, now: Instant, from: N, to: N, payload: P, fate: Fate) {
        let delays = match fate {
            Fate::Lost => Vec::new(),
            Fate::After(delay) => vec![delay],
            Fate::Each(delays) => delays,
        };
        for delay in delays {
            let delivery = Delivery {
                at: now + delay,
                from: from.clone(),
                to: to.clone(),
                payload: payload.clone(),
            };
            self.sent += 1;
            self.under_way.push(Reverse(Entry { order: (delivery.at, self.sent), delivery }));
        }
    }

    /// When the next message arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(entry)| entry.delivery.at)
    }

    /// The next message that has arrived by `now`. Call until `None`.
    pub fn receive(&mut self, now: Instant) -> Option<Delivery<N, P>> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse(entry)| entry.delivery)
    }

    /// How many messages are on their way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn draw_fate(&mut self) -> Fate {
        if self.happens(self.conditions.loss) {
            return Fate::Lost;
        }
        let first = self.draw_delay();
        if self.happens(self.conditions.duplication) {
            let second = self.draw_delay();
            return Fate::Each(vec![first, second]);
        }
        Fate::After(first)
    }

    fn draw_delay(&mut self) -> Duration {
        let Conditions { min_latency, max_latency, reordering, hold_up, .. } = self.conditions;
        let spread = max_latency.saturating_sub(min_latency);
        let delay = min_latency + spread.mul_f64(self.random.random::<f64>());
        if self.happens(reordering) { delay + hold_up } else { delay }
    }

    fn happens(&mut self, thousandths: u32) -> bool {
        self.random.random_range(0..1_000) < thousandths
    }
}

impl<N, P> fmt::Debug for SimNetwork<N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimNetwork")
            .field("conditions", &self.conditions)
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, conditions: Conditions) -> Vec<Delivery<char, u32>> {
        let mut network = SimNetwork::new(seed, conditions);
        for number in 0..1_000 {
            let now = Instant::ZERO + Duration::from_millis(number.into());
            network.send(now, 'a', 'b', number);
        }
        let end = Instant::ZERO + Duration::from_secs(100);
        std::iter::from_fn(|| network.receive(end)).collect()
    }

    #[test]
    fn a_perfect_network_delivers_everything_once_and_in_order() {
        let deliveries = run(1, Conditions::perfect());
        assert!(deliveries.iter().map(|delivery| delivery.payload).eq(0..1_000));
        assert_eq!(deliveries[5].at, Instant::ZERO + Duration::from_millis(15));
    }

    #[test]
    fn an_awful_network_does_what_its_seed_says() {
        let deliveries = run(1, Conditions::awful());
        assert_eq!(deliveries, run(1, Conditions::awful()));
        assert_ne!(deliveries, run(2, Conditions::awful()));
        let in_time = deliveries.windows(2).all(|pair| pair[0].at <= pair[1].at);
        assert!(in_time, "messages arrive in the order of their times");
        let overtaken = deliveries.windows(2).any(|pair| pair[0].payload > pair[1].payload);
        assert!(overtaken, "and not in the order in which they were sent");
        assert!((800..1_000).contains(&deliveries.len()), "{}", deliveries.len());
    }

    #[test]
    fn a_message_is_not_there_before_its_time() {
        let mut network = SimNetwork::new(1, Conditions::perfect());
        network.send_with(Instant::ZERO, 'a', 'b', (), Fate::After(Duration::from_millis(5)));
        network.send_with(Instant::ZERO, 'a', 'b', (), Fate::Lost);
        assert_eq!(network.receive(Instant::from_nanos(4_999_999)), None);
        assert!(network.receive(Instant::from_nanos(5_000_000)).is_some());
        assert!(network.is_empty());
    }
}
