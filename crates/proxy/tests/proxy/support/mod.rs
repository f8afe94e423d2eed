//! What the tests share.

mod digest;
mod lab;
mod people;
mod scenes;

pub(crate) use digest::credentials;
pub(crate) use lab::{Lab, Question, Relay};
pub(crate) use people::*;
pub(crate) use scenes::Call;
