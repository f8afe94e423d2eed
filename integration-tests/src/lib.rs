//! The bench on which the black-box tests stand: it starts the real binaries and real peers on
//! loopback addresses of their own, drives them, and takes them down again.
//!
//! Everything here fails by panicking with a sentence that says what was expected: a test that
//! cannot be set up is a failed test. The logs of every process are printed when its test fails.
//!
//! A [`subnet::Subnet`] gives each test a loopback network (`127.x.y.0/24`) that no other test
//! holds, so that tests run in parallel on the ports that a user would meet.

pub mod baresip;
pub mod cpu;
pub mod digest;
pub mod http;
pub mod kamailio;
pub mod metadata;
pub mod offhook;
pub mod postgres;
pub mod process;
pub mod rtpengine;
pub mod sip;
pub mod sipp;
pub mod subnet;
pub mod tone;
pub mod wait;

/// Runs scenarios, each a function of its [`Storage`](offhook::Storage), as tests on the embedded
/// database and on Postgres.
#[macro_export]
macro_rules! on_each_storage {
    ($($scenario:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $scenario() {
                super::$scenario($crate::offhook::Storage::Sqlite);
            })+
        }
        mod on_postgres {
            $(#[test]
            fn $scenario() {
                super::$scenario($crate::offhook::Storage::Postgres);
            })+
        }
    };
}
