//! A caller and a callee, each built on `Transactions`, talk over a simulated network.
//!
//! `weather` runs thousands of seeds under loss, duplication, reordering and delay; `targeted` damages
//! each single message of each flow in each way. Both check the same promises at the end of a run (see
//! `World::finish`).

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets the unexpected is to fail"
)]

mod callee;
mod caller;
mod targeted;
mod weather;
mod world;
