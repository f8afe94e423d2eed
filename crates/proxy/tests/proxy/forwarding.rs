//! What a request looks like when it leaves (RFC 3261 section 16.6).

use crate::support::*;

#[test]
fn smoke() {
    let (mut lab, mut call) = Lab::talking();
    assert_eq!(lab.send_in(&mut call.bob, "BYE", udp(BOB)), ["BYE to alice"]);
    assert_eq!(lab.answer(ALICE, "BYE", 200), ["200 BYE to bob"]);
    lab.ends_empty();
}
