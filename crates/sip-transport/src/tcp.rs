//! TCP: one task per connection, bounded queues between them, and the table that finds them.

mod accept;
mod connection;
mod deadlines;
mod link;
mod open;
mod table;

pub(crate) use accept::{accept, bind};
pub(crate) use open::send;
pub(crate) use table::ConnectionTable;
