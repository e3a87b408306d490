//! The tools of those who run a server: under Mosquitto's names, beside Mosquitto's own, and against servers.

mod ctrl;
mod ctrl_lines;
mod ctrl_shell;
mod ctrl_side_by_side;
mod db_dump;
mod pages;
mod passwd;
mod side_by_side;
mod signal;
mod terminal;
mod tool;
