use offhook_sip_core::ClientInvite;

use super::*;

impl Machine for ClientInvite {
    fn deadline(&self) -> Option<(Instant, Timer)> {
        self.deadline()
    }

    fn timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        self.on_timeout(timing, now)
    }
}

fn started(timing: &Timing) -> ClientInvite {
    let (machine, actions) = ClientInvite::start(timing, START);
    assert_eq!(actions, Action::SendRequest.into());
    machine
}

fn after(timing: &Timing, statuses: &[u16]) -> ClientInvite {
    let mut machine = started(timing);
    for code in statuses {
        machine.on_response(status(*code), timing, START);
    }
    machine
}

fn states(timing: &Timing) -> Vec<(&'static str, ClientInvite)> {
    let mut wanted = started(timing);
    assert_eq!(wanted.on_cancel(timing, START), Actions::NONE);
    let mut cancelled = after(timing, &[180]);
    cancelled.on_cancel(timing, START);
    vec![
        ("Calling", started(timing)),
        ("Calling, CANCEL wanted", wanted),
        ("Proceeding", after(timing, &[180])),
        ("Proceeding, CANCEL sent", cancelled),
        ("Completed", ClientInvite::Completed { ends_at: START + Duration::from_secs(32) }),
        ("Accepted", after(timing, &[200])),
        ("Terminated", ClientInvite::Terminated),
    ]
}

#[test]
fn every_state_with_every_event() {
    let events: [Event<ClientInvite>; 8] = [
        ("100", |machine, timing, now| machine.on_response(status(100), timing, now)),
        ("180", |machine, timing, now| machine.on_response(status(180), timing, now)),
        ("200", |machine, timing, now| machine.on_response(status(200), timing, now)),
        ("302", |machine, timing, now| machine.on_response(status(302), timing, now)),
        ("486", |machine, timing, now| machine.on_response(status(486), timing, now)),
        ("603", |machine, timing, now| machine.on_response(status(603), timing, now)),
        ("cancel", |machine, timing, now| machine.on_cancel(timing, now)),
        ("transport error", |machine, _, _| machine.on_transport_error()),
    ];
    assert_snapshot("client_invite.txt", &table(states, &events));
}

#[test]
fn timers_a_and_b() {
    let udp = timing(false);
    let expected = repeats_then(
        &[500, 1_500, 3_500, 7_500, 15_500, 31_500],
        Timer::A,
        Action::SendRequest,
        (32_000, Timer::B, TIMED_OUT),
    );
    assert_eq!(schedule(started(&udp), &udp), expected);
    let tcp = timing(true);
    assert_eq!(schedule(started(&tcp), &tcp), [(32_000, Timer::B, TIMED_OUT)]);
}

#[test]
fn timer_d_lasts_32_seconds_over_udp_and_nothing_over_tcp() {
    let udp = timing(false);
    assert_eq!(schedule(after(&udp, &[486]), &udp), [(32_000, Timer::D, ENDED)]);
    assert_eq!(after(&timing(true), &[486]), ClientInvite::Terminated);
    let slow = TimerConfig { t1: Duration::from_secs(1), ..TimerConfig::default() };
    let slow = Timing::new(slow, false);
    assert_eq!(schedule(after(&slow, &[486]), &slow), [(64_000, Timer::D, ENDED)]);
    let quick = TimerConfig { t1: Duration::from_millis(100), ..TimerConfig::default() };
    let quick = Timing::new(quick, false);
    assert_eq!(schedule(after(&quick, &[486]), &quick), [(32_000, Timer::D, ENDED)]);
}

#[test]
fn timer_m_lasts_64_t1_over_either_transport() {
    for reliable in [false, true] {
        let timing = timing(reliable);
        assert_eq!(schedule(after(&timing, &[200]), &timing), [(32_000, Timer::M, ENDED)]);
    }
}

#[test]
fn a_ringing_call_has_no_timer_until_it_is_cancelled() {
    let timing = timing(false);
    let mut machine = after(&timing, &[180]);
    assert_eq!(schedule(machine, &timing), []);
    machine.on_cancel(&timing, START);
    assert_eq!(schedule(machine, &timing), [(32_000, Timer::Cancelled, TIMED_OUT)]);
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let timing = timing(false);
    let mut machine = started(&timing);
    assert_eq!(machine.on_cancel(&timing, START), Actions::NONE);
    assert_eq!(machine.on_cancel(&timing, START), Actions::NONE);
    let actions = machine.on_response(status(100), &timing, START);
    assert_eq!(actions, Actions::of(&[Action::PassUp, Action::SendCancel]));
    assert_eq!(machine.on_cancel(&timing, START), Actions::NONE);
    let mut answered = started(&timing);
    answered.on_cancel(&timing, START);
    let actions = answered.on_response(status(200), &timing, START);
    assert_eq!(actions, Action::PassUp.into(), "the 200 came first, so there is nothing to cancel");
}
