//! What an MQTT Server does, mechanism by mechanism: conversations with shards in one thread and in virtual time, and
//! random histories compared with small models. [`world`] says how.

mod aliases;
mod durability;
mod group_queues;
mod limits;
mod listings;
mod mount_points;
mod qos2;
mod queues;
mod restarts;
mod retained;
mod rights;
mod room;
mod samples;
mod services;
mod sessions;
mod shared_subscriptions;
mod subscriptions;
mod swarm;
mod takeover;
mod threads;
mod wills;
mod world;
