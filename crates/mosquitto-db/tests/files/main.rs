//! Whole files: those that Mosquitto wrote, those of old versions, damaged ones, and those written here.

mod damage;
mod fixtures;
mod old_versions;
mod render;
mod round_trip;
