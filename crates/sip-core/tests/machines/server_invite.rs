use offhook_sip_core::ServerInvite;

use super::*;

impl Machine for ServerInvite {
    fn deadline(&self) -> Option<(Instant, Timer)> {
        self.deadline()
    }

    fn timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        self.on_timeout(timing, now)
    }
}

fn after(timing: &Timing, statuses: &[u16]) -> ServerInvite {
    let (mut machine, actions) = ServerInvite::start();
    assert_eq!(actions, Action::PassUp.into());
    for code in statuses {
        assert_eq!(machine.on_answer(status(*code), timing, START), Action::SendResponse.into());
    }
    machine
}

fn states(timing: &Timing) -> Vec<(&'static str, ServerInvite)> {
    vec![
        ("Proceeding, silent", after(timing, &[])),
        ("Proceeding, answered", after(timing, &[100])),
        ("Completed", after(timing, &[486])),
        ("Confirmed", ServerInvite::Confirmed { ends_at: START + Duration::from_secs(5) }),
        ("Accepted", after(timing, &[180, 200])),
        ("Terminated", ServerInvite::Terminated),
    ]
}

#[test]
fn every_state_with_every_event() {
    let events: [Event<ServerInvite>; 8] = [
        ("INVITE again", |machine, _, _| machine.on_repeat()),
        ("ACK", |machine, timing, now| machine.on_ack(timing, now)),
        ("answer 100", |machine, timing, now| machine.on_answer(status(100), timing, now)),
        ("answer 183", |machine, timing, now| machine.on_answer(status(183), timing, now)),
        ("answer 200", |machine, timing, now| machine.on_answer(status(200), timing, now)),
        ("answer 302", |machine, timing, now| machine.on_answer(status(302), timing, now)),
        ("answer 487", |machine, timing, now| machine.on_answer(status(487), timing, now)),
        ("transport error", |machine, _, _| machine.on_transport_error()),
    ];
    assert_snapshot("server_invite.txt", &table(states, &events));
}

#[test]
fn timers_g_and_h() {
    let udp = timing(false);
    let expected = repeats_then(
        &[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500],
        Timer::G,
        Action::SendResponse,
        (32_000, Timer::H, TIMED_OUT),
    );
    assert_eq!(schedule(after(&udp, &[486]), &udp), expected);
    let tcp = timing(true);
    assert_eq!(schedule(after(&tcp, &[486]), &tcp), [(32_000, Timer::H, TIMED_OUT)]);
}

#[test]
fn timer_i_lasts_t4_over_udp_and_nothing_over_tcp() {
    let udp = timing(false);
    let mut confirmed = after(&udp, &[486]);
    assert_eq!(confirmed.on_ack(&udp, START), Actions::NONE);
    assert_eq!(schedule(confirmed, &udp), [(5_000, Timer::I, ENDED)]);
    let tcp = timing(true);
    let mut over = after(&tcp, &[486]);
    assert_eq!(over.on_ack(&tcp, START), ENDED);
    assert_eq!(over, ServerInvite::Terminated);
}

#[test]
fn timer_l_lasts_64_t1_over_either_transport() {
    for reliable in [false, true] {
        let timing = timing(reliable);
        assert_eq!(schedule(after(&timing, &[200]), &timing), [(32_000, Timer::L, ENDED)]);
    }
}
