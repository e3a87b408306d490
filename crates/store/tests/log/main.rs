//! What the log promises, on a simulated disk that fails, fills up and loses power; and on the real one.

mod copies;
mod crashes;
mod damage;
mod faults;
mod fixture;
mod full;
mod histories;
mod inspection;
mod real_disk;
mod recycling;
mod round_trips;
mod world;
