//! Whole messages: read, changed, built, cut out of streams, and broken in every way.

mod building;
mod editing;
mod framing;
mod no_panic;
mod reading;
mod samples;
mod uris;
