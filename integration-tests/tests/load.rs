//! SIPp at 50 calls per second for 20 seconds: no call may fail.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use offhook_integration_tests::baresip::Transport;
use offhook_integration_tests::offhook::{Offhook, Setup, Storage, password_of};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::sipp::{Running, Sipp};

on_each_storage!(fifty_authenticated_calls_per_second_all_succeed);

fn fifty_authenticated_calls_per_second_all_succeed(storage: Storage) {
    let _turn = take_turn();
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001", "2002"]);
    let _callee = callee(&offhook, "register", Transport::Udp);
    caller(&offhook, "call", Transport::Udp).calls(CALLS, RATE).start().finish_clean(CALLS, TIME);
    assert_clean(&offhook);
}

#[test]
fn fifty_calls_per_second_over_tcp_all_succeed() {
    let _turn = take_turn();
    let offhook = Setup::offhook(Storage::Sqlite).start();
    offhook.add_users(&["2001", "2002"]);
    let _callee = callee(&offhook, "register", Transport::Tcp);
    caller(&offhook, "call", Transport::Tcp).calls(CALLS, RATE).start().finish_clean(CALLS, TIME);
    assert_clean(&offhook);
}

#[test]
fn fifty_calls_per_second_in_a_closed_laboratory_all_succeed() {
    let _turn = take_turn();
    let setup = Setup::offhook(Storage::Sqlite);
    let offhook = setup.set("sip.auth", "\"off\"").set("media.engage", "\"never\"").start();
    offhook.add_users(&["2001", "2002"]);
    let _callee = callee(&offhook, "register-open", Transport::Udp);
    let caller = caller(&offhook, "call-open", Transport::Udp);
    caller.calls(CALLS, RATE).start().finish_clean(CALLS, TIME);
    assert_clean(&offhook);
}

/// Registers the called side and starts it.
fn callee(offhook: &Offhook, register: &str, transport: Transport) -> Running {
    let host = offhook.subnet().host(60);
    // A UDP phone registers from the port that it is called on; a connection has a port of its own.
    let from = match transport {
        Transport::Udp => PORT,
        Transport::Tcp => PORT + 2,
    };
    let register = Sipp::new(register, (host, from), transport).towards(offhook.sip());
    let register = register.credentials("2002", &password_of("2002"));
    let register = register.key("contact_port", &PORT.to_string());
    register.calls(1, 1).start().finish_clean(1, TIME);
    let mut callee = Sipp::new("answer", (host, PORT), transport).start();
    callee.wait_listening();
    callee
}

/// Every call was counted, and none has left anything behind.
#[track_caller]
fn assert_clean(offhook: &Offhook) {
    offhook.wait_idle();
    assert_eq!(offhook.metric("offhook_calls_total{result=\"answered\"}"), Some(CALLS));
    assert_eq!(offhook.metric("offhook_calls_total{result=\"ended\"}"), Some(CALLS));
    assert_eq!(offhook.metric("offhook_sip_malformed_total"), Some(0));
}

fn caller(offhook: &Offhook, scenario: &str, transport: Transport) -> Sipp {
    let local = (offhook.subnet().host(61), PORT);
    let caller = Sipp::new(scenario, local, transport).towards(offhook.sip());
    let caller = caller.credentials("2001", &password_of("2001"));
    caller.key("callee", "2002").hold(Duration::from_millis(200))
}

/// The loads run one after the other: each is to be carried, not all of them at once.
fn take_turn() -> impl Drop {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

const RATE: u64 = 50;
const CALLS: u64 = RATE * 20;
const PORT: u16 = 5060;
/// The run itself takes 20 seconds.
const TIME: Duration = Duration::from_secs(60);
