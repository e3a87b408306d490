//! `pub`, `sub` and `rr` from outside.

mod commands;
mod ends;
mod messages;
mod pipe;
mod recorder;
mod side_by_side;
mod tool;
mod transports;
mod tutorials;
