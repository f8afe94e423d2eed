use offhook_sip_core::ClientNonInvite;

use super::*;

impl Machine for ClientNonInvite {
    fn deadline(&self) -> Option<(Instant, Timer)> {
        self.deadline()
    }

    fn timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        self.on_timeout(timing, now)
    }
}

fn started(timing: &Timing) -> ClientNonInvite {
    let (machine, actions) = ClientNonInvite::start(timing, START);
    assert_eq!(actions, Action::SendRequest.into());
    machine
}

fn after(timing: &Timing, code: u16) -> ClientNonInvite {
    let mut machine = started(timing);
    machine.on_response(status(code), timing, START);
    machine
}

fn states(timing: &Timing) -> Vec<(&'static str, ClientNonInvite)> {
    vec![
        ("Trying", started(timing)),
        ("Proceeding", after(timing, 100)),
        ("Completed", ClientNonInvite::Completed { ends_at: START + Duration::from_secs(5) }),
        ("Terminated", ClientNonInvite::Terminated),
    ]
}

#[test]
fn every_state_with_every_event() {
    let events: [Event<ClientNonInvite>; 6] = [
        ("100", |machine, timing, now| machine.on_response(status(100), timing, now)),
        ("183", |machine, timing, now| machine.on_response(status(183), timing, now)),
        ("200", |machine, timing, now| machine.on_response(status(200), timing, now)),
        ("401", |machine, timing, now| machine.on_response(status(401), timing, now)),
        ("503", |machine, timing, now| machine.on_response(status(503), timing, now)),
        ("transport error", |machine, _, _| machine.on_transport_error()),
    ];
    assert_snapshot("client_non_invite.txt", &table(states, &events));
}

#[test]
fn timers_e_and_f() {
    let udp = timing(false);
    let expected = repeats_then(
        &[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500],
        Timer::E,
        Action::SendRequest,
        (32_000, Timer::F, TIMED_OUT),
    );
    assert_eq!(schedule(started(&udp), &udp), expected);
    let tcp = timing(true);
    assert_eq!(schedule(started(&tcp), &tcp), [(32_000, Timer::F, TIMED_OUT)]);
}

#[test]
fn after_a_provisional_response_timer_e_runs_with_t2() {
    let udp = timing(false);
    let expected = repeats_then(
        &[500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500],
        Timer::E,
        Action::SendRequest,
        (32_000, Timer::F, TIMED_OUT),
    );
    assert_eq!(schedule(after(&udp, 100), &udp), expected);
    let tcp = timing(true);
    assert_eq!(schedule(after(&tcp, 100), &tcp), [(32_000, Timer::F, TIMED_OUT)]);
}

#[test]
fn timer_k_lasts_t4_over_udp_and_nothing_over_tcp() {
    let udp = timing(false);
    assert_eq!(schedule(after(&udp, 200), &udp), [(5_000, Timer::K, ENDED)]);
    assert_eq!(after(&timing(true), 200), ClientNonInvite::Terminated);
}
