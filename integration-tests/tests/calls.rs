//! Calls between two real phones through the platform, with audio both ways.

use offhook_integration_tests::baresip::{Baresip, Transport};
use offhook_integration_tests::offhook::{Offhook, Setup, Storage};
use offhook_integration_tests::on_each_storage;

on_each_storage!(
    two_phones_talk_and_the_caller_hangs_up,
    two_phones_talk_and_the_called_one_hangs_up,
    two_phones_talk_over_tcp,
    a_udp_phone_calls_a_tcp_phone,
    a_tcp_phone_calls_a_udp_phone,
    two_phones_call_each_other_in_turn,
    a_busy_phone_refuses_a_second_call,
    a_phone_rejects_a_call,
    a_caller_cancels_while_the_phone_rings,
    an_absent_user_is_temporarily_unavailable,
    an_unknown_user_is_not_found,
);

#[test]
fn phones_talk_directly_where_no_relay_is_to_be_engaged() {
    let setup = Setup::offhook(Storage::Sqlite).set("media.engage", "\"never\"");
    let (offhook, mut caller, mut callee) =
        two_phones_of(setup.start(), Transport::Udp, Transport::Udp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    assert_eq!(offhook.metric("offhook_media_packets_total"), None, "there is no relay");
    caller.end_call(&mut callee);
}

fn two_phones_talk_and_the_caller_hangs_up(storage: Storage) {
    let (offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Udp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    caller.end_call(&mut callee);
    offhook.wait_idle();
}

fn two_phones_talk_and_the_called_one_hangs_up(storage: Storage) {
    let (_offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Udp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    callee.end_call(&mut caller);
}

fn two_phones_talk_over_tcp(storage: Storage) {
    let (offhook, mut caller, mut callee) = two_phones(storage, Transport::Tcp, Transport::Tcp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    callee.end_call(&mut caller);
    offhook.wait_idle();
}

fn a_udp_phone_calls_a_tcp_phone(storage: Storage) {
    let (_offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Tcp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    caller.end_call(&mut callee);
}

fn a_tcp_phone_calls_a_udp_phone(storage: Storage) {
    let (_offhook, mut caller, mut callee) = two_phones(storage, Transport::Tcp, Transport::Udp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    callee.end_call(&mut caller);
}

fn two_phones_call_each_other_in_turn(storage: Storage) {
    let (_offhook, mut first, mut second) = two_phones(storage, Transport::Udp, Transport::Udp);
    first.call(&mut second);
    second.end_call(&mut first);
    second.call(&mut first);
    first.end_call(&mut second);
}

fn a_busy_phone_refuses_a_second_call(storage: Storage) {
    let (offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Udp);
    offhook.add_users(&["2003"]);
    let mut third = offhook.phone(2, "2003", Transport::Udp);
    caller.call(&mut callee);
    third.dial(callee.user());
    let reason = third.wait_closed();
    assert!(reason.starts_with("486"), "{reason}");
    // The call that keeps the phone busy goes on undisturbed.
    caller.wait_talks_with(&callee);
    caller.end_call(&mut callee);
    offhook.wait_idle();
}

fn a_phone_rejects_a_call(storage: Storage) {
    let (offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Udp);
    caller.dial(callee.user());
    callee.wait_incoming();
    caller.wait_ringing();
    callee.hang_up();
    let reason = caller.wait_closed();
    assert!(reason.starts_with("486"), "{reason}");
    offhook.wait_idle();
}

fn a_caller_cancels_while_the_phone_rings(storage: Storage) {
    let (offhook, mut caller, mut callee) = two_phones(storage, Transport::Udp, Transport::Udp);
    caller.dial(callee.user());
    callee.wait_incoming();
    caller.wait_ringing();
    caller.hang_up();
    caller.wait_closed();
    callee.wait_closed();
    // Neither phone is left in a call.
    caller.call(&mut callee);
    caller.end_call(&mut callee);
    offhook.wait_idle();
}

fn an_absent_user_is_temporarily_unavailable(storage: Storage) {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001", "2002"]);
    let mut caller = offhook.phone(0, "2001", Transport::Udp);
    caller.dial("2002");
    let reason = caller.wait_closed();
    assert!(reason.starts_with("480"), "{reason}");
    offhook.wait_idle();
}

fn an_unknown_user_is_not_found(storage: Storage) {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001"]);
    let mut caller = offhook.phone(0, "2001", Transport::Tcp);
    caller.dial("nobody");
    let reason = caller.wait_closed();
    assert!(reason.starts_with("404"), "{reason}");
}

fn two_phones(
    storage: Storage,
    caller: Transport,
    callee: Transport,
) -> (Offhook, Baresip, Baresip) {
    two_phones_of(Setup::offhook(storage).start(), caller, callee)
}

fn two_phones_of(
    offhook: Offhook,
    caller: Transport,
    callee: Transport,
) -> (Offhook, Baresip, Baresip) {
    offhook.add_users(&["2001", "2002"]);
    let caller = offhook.phone(0, "2001", caller);
    let callee = offhook.phone(1, "2002", callee);
    (offhook, caller, callee)
}
