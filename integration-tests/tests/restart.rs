//! Kills, restarts and orderly ends: what was acknowledged is kept, what runs goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use offhook_integration_tests::baresip::Transport;
use offhook_integration_tests::offhook::{Offhook, Setup, Storage};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::sip::Call;
use offhook_integration_tests::wait::{self, SOON};

on_each_storage!(
    phones_that_registered_before_a_kill_can_call_after_it,
    a_binding_is_stored_once_its_answer_is_out,
    a_removal_is_stored_once_its_answer_is_out,
    a_call_that_runs_during_a_kill_can_be_ended_from_either_side,
    phones_that_talk_during_a_kill_can_hang_up,
);

fn phones_that_registered_before_a_kill_can_call_after_it(storage: Storage) {
    let mut offhook = server(storage);
    let mut caller = offhook.phone(0, "2001", Transport::Udp);
    let mut callee = offhook.phone(1, "2002", Transport::Udp);
    offhook.kill9();
    offhook.start();
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    caller.end_call(&mut callee);
}

fn a_binding_is_stored_once_its_answer_is_out(storage: Storage) {
    let mut offhook = server(storage);
    let mut expected = BTreeSet::new();
    let mut agents = Vec::new();
    for _ in 0..4 {
        let agent = offhook.registered_agent("2002");
        offhook.kill9();
        expected.insert(agent.contact());
        agents.push(agent);
        offhook.start();
    }
    let mut caller = offhook.agent("2001");
    let invite = caller.call("2002");
    let mut reached = BTreeSet::new();
    for agent in &mut agents {
        let arrived = agent.wait_request("INVITE");
        agent.reply(&arrived, 486, "Busy Here");
        reached.insert(agent.contact());
    }
    assert_eq!(reached, expected);
    assert_eq!(caller.final_response(&invite).status(), Some(486));
}

fn a_removal_is_stored_once_its_answer_is_out(storage: Storage) {
    let mut offhook = server(storage);
    let mut agent = offhook.registered_agent("2002");
    let register = agent.register(0);
    assert_eq!(agent.exchange(&register).status(), Some(200));
    offhook.kill9();
    offhook.start();
    let mut caller = offhook.agent("2001");
    let invite = caller.invite("2002");
    assert_eq!(caller.exchange(&invite).status(), Some(480));
}

fn a_call_that_runs_during_a_kill_can_be_ended_from_either_side(storage: Storage) {
    let mut offhook = server(storage);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let first = Call::establish(&mut caller, &mut callee, "2002");
    let second = Call::establish(&mut caller, &mut callee, "2002");
    offhook.kill9();
    offhook.start();
    first.end_by_caller(&mut caller, &mut callee);
    second.end_by_callee(&mut callee, &mut caller);
}

fn phones_that_talk_during_a_kill_can_hang_up(storage: Storage) {
    let mut offhook = server(storage);
    let mut caller = offhook.phone(0, "2001", Transport::Udp);
    let mut callee = offhook.phone(1, "2002", Transport::Udp);
    caller.call(&mut callee);
    offhook.kill9();
    offhook.start();
    callee.end_call(&mut caller);
}

#[test]
fn a_platform_that_is_asked_to_end_lets_calls_finish() {
    let mut offhook = server(Storage::Sqlite);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let running = Call::establish(&mut caller, &mut callee, "2002");
    offhook.terminate();
    wait::eventually("/readyz says that the platform drains", SOON, || {
        (offhook.http("/readyz")?.status == 503).then_some(())
    });
    assert_eq!(offhook.http("/healthz").map(|answer| answer.status), Some(200));
    // No new call is taken.
    let mut other = offhook.agent("2001");
    let invite = other.invite("2002");
    let refusal = other.exchange(&invite);
    assert_eq!(refusal.status(), Some(503), "{refusal:#?}");
    let again = refusal.need("Retry-After");
    assert!(again.chars().all(|digit| digit.is_ascii_digit()), "{again}");
    wait::throughout("the platform waits for the call", Duration::from_secs(1), || {
        offhook.is_running()
    });
    // The running call ends as usual, and with it the process.
    running.end_by_caller(&mut caller, &mut callee);
    assert!(offhook.wait_for_exit(SOON), "an orderly end is a success");
}

#[test]
fn an_idle_platform_ends_at_once() {
    let mut offhook = server(Storage::Sqlite);
    offhook.terminate();
    assert!(offhook.wait_for_exit(SOON), "an orderly end is a success");
}

#[test]
fn a_second_signal_ends_the_platform_in_mid_call() {
    let mut offhook = server(Storage::Sqlite);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let _running = Call::establish(&mut caller, &mut callee, "2002");
    offhook.terminate();
    wait::eventually("/readyz says that the platform drains", SOON, || {
        (offhook.http("/readyz")?.status == 503).then_some(())
    });
    offhook.terminate();
    offhook.wait_for_exit(SOON);
}

fn server(storage: Storage) -> Offhook {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001", "2002"]);
    offhook
}
