//! The tools that only Midge has, against its own server and a real Mosquitto, and tools of all kinds against NATS.

mod doctor;
mod doctor_ways;
mod live;
mod nats;
mod recording;
mod retained;
mod terminal;
mod tool;
mod top;
mod trace;
