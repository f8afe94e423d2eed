use offhook_sip_core::ServerNonInvite;

use super::*;

impl Machine for ServerNonInvite {
    fn deadline(&self) -> Option<(Instant, Timer)> {
        self.deadline()
    }

    fn timeout(&mut self, _timing: &Timing, now: Instant) -> Actions {
        self.on_timeout(now)
    }
}

fn started(timing: &Timing) -> ServerNonInvite {
    let (machine, actions) = ServerNonInvite::start(timing, START);
    assert_eq!(actions, Action::PassUp.into());
    machine
}

fn after(timing: &Timing, code: u16) -> ServerNonInvite {
    let mut machine = started(timing);
    machine.on_answer(status(code), timing, START);
    machine
}

fn states(timing: &Timing) -> Vec<(&'static str, ServerNonInvite)> {
    let patience = START + Duration::from_secs(32);
    vec![
        ("Trying", started(timing)),
        ("Proceeding", ServerNonInvite::Proceeding { expires_at: patience }),
        ("Completed", ServerNonInvite::Completed { ends_at: patience }),
        ("Unanswered", ServerNonInvite::Unanswered { ends_at: patience }),
        ("Terminated", ServerNonInvite::Terminated),
    ]
}

#[test]
fn every_state_with_every_event() {
    let events: [Event<ServerNonInvite>; 7] = [
        ("request again", |machine, _, _| machine.on_repeat()),
        ("answer 100", |machine, timing, now| machine.on_answer(status(100), timing, now)),
        ("answer 183", |machine, timing, now| machine.on_answer(status(183), timing, now)),
        ("answer 200", |machine, timing, now| machine.on_answer(status(200), timing, now)),
        ("answer 408", |machine, timing, now| machine.on_answer(status(408), timing, now)),
        ("answer 503", |machine, timing, now| machine.on_answer(status(503), timing, now)),
        ("transport error", |machine, _, _| machine.on_transport_error()),
    ];
    assert_snapshot("server_non_invite.txt", &table(states, &events));
}

#[test]
fn a_silent_user_gets_a_100_sent_after_3_5_seconds_and_is_given_up_on_after_32() {
    for reliable in [false, true] {
        let timing = timing(reliable);
        let expected = [
            (3_500, Timer::Trying, Action::SendTrying.into()),
            (32_000, Timer::Expired, TIMED_OUT),
        ];
        assert_eq!(schedule(started(&timing), &timing), expected);
    }
}

#[test]
fn an_early_100_is_sent_over_reliable_transports_alone() {
    let late = START + Duration::from_millis(3_500);
    for (reliable, now, sent) in [(false, START, false), (true, START, true), (false, late, true)] {
        let timing = timing(reliable);
        let actions = started(&timing).on_answer(status(100), &timing, now);
        assert_eq!(actions.contains(Action::SendResponse), sent, "{reliable} {now:?}");
    }
}

#[test]
fn timer_j_lasts_64_t1_over_udp_and_nothing_over_tcp() {
    for code in [200, 408] {
        let udp = timing(false);
        assert_eq!(schedule(after(&udp, code), &udp), [(32_000, Timer::J, ENDED)]);
        assert_eq!(after(&timing(true), code), ServerNonInvite::Terminated);
    }
}
