//! Clients that keep the rules by themselves.
