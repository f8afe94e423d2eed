//! The contract of every engine: time as an input, deadlines as state.
