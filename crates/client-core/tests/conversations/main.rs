//! What a Client says and hears, mechanism by mechanism: conversations with a server that a script plays. [`script`] says how
//! they are written.

mod authentication;
mod connecting;
mod faults;
mod keep_alive;
mod packets;
mod publishing;
mod receiving;
mod reconnecting;
mod script;
mod steps;
mod subscribing;
