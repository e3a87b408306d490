//! The driver against the real server.

mod connections;
mod files;
mod layers;
mod world;
