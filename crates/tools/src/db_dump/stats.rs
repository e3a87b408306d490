//! How much there is in a database.

use std::collections::HashMap;
use std::io::{self, Write};

use midge_mosquitto_db::{Chunk, Content, until_nul};

use super::Dump;
use super::text::shown;

/// How many chunks there are of each kind.
pub(super) struct Stats<'a, W> {
    out: &'a mut W,
    configs: u64,
    base_messages: u64,
    client_messages: u64,
    retained: u64,
    subscriptions: u64,
    clients: u64,
}

impl<'a, W> Stats<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, configs: 0, base_messages: 0, client_messages: 0, retained: 0, subscriptions: 0, clients: 0 }
    }
}

impl<W: Write> Dump for Stats<'_, W> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        match chunk.content {
            Content::Config(_) => self.configs += 1,
            Content::BaseMessage(_) => self.base_messages += 1,
            Content::ClientMessage(_) => self.client_messages += 1,
            Content::Retained(_) => self.retained += 1,
            Content::Subscription(_) => self.subscriptions += 1,
            Content::Client(_) => self.clients += 1,
            Content::Unknown => {}
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.out, "DB_CHUNK_CFG:        {}", self.configs)?;
        writeln!(self.out, "DB_CHUNK_BASE_MSG:   {}", self.base_messages)?;
        writeln!(self.out, "DB_CHUNK_CLIENT_MSG: {}", self.client_messages)?;
        writeln!(self.out, "DB_CHUNK_RETAIN:     {}", self.retained)?;
        writeln!(self.out, "DB_CHUNK_SUB:        {}", self.subscriptions)?;
        writeln!(self.out, "DB_CHUNK_CLIENT:     {}", self.clients)
    }
}

/// What each client has.
pub(super) struct ClientStats<'a, W> {
    out: &'a mut W,
    /// In the order of the file.
    clients: Vec<ClientCounts>,
    places: HashMap<Vec<u8>, usize>,
    /// The bytes of each message by its store id.
    message_bytes: HashMap<u64, u64>,
}

struct ClientCounts {
    id: Vec<u8>,
    subscriptions: u64,
    subscription_bytes: u64,
    messages: u64,
    message_bytes: u64,
}

impl<'a, W> ClientStats<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, clients: Vec::new(), places: HashMap::new(), message_bytes: HashMap::new() }
    }

    fn client(&mut self, id: &[u8]) -> Option<&mut ClientCounts> {
        self.places.get(until_nul(id)).map(|place| &mut self.clients[*place])
    }
}

impl<W: Write> Dump for ClientStats<'_, W> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        let bytes = u64::from(chunk.header.length);
        match chunk.content {
            Content::BaseMessage(message) => drop(self.message_bytes.insert(message.store_id, bytes)),
            Content::Client(client) => {
                let id = until_nul(client.id).to_vec();
                self.places.insert(id.clone(), self.clients.len());
                let (subscriptions, subscription_bytes, messages, message_bytes) = (0, 0, 0, 0);
                self.clients.push(ClientCounts { id, subscriptions, subscription_bytes, messages, message_bytes });
            }
            Content::ClientMessage(message) => {
                let message_bytes = self.message_bytes.get(&message.store_id).copied().unwrap_or(0);
                if let Some(client) = self.client(message.client_id) {
                    client.messages += 1;
                    client.message_bytes += bytes + message_bytes;
                }
            }
            Content::Subscription(subscription) => {
                if let Some(client) = self.client(subscription.client_id) {
                    client.subscriptions += 1;
                    client.subscription_bytes += bytes;
                }
            }
            Content::Config(_) | Content::Retained(_) | Content::Unknown => {}
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        for client in &self.clients {
            let ClientCounts { id, subscriptions, subscription_bytes, messages, message_bytes } = client;
            write!(self.out, "SC: {subscriptions} SS: {subscription_bytes} MC: {messages} MS: {message_bytes}   ")?;
            self.out.write_all(&shown(id))?;
            writeln!(self.out)?;
        }
        Ok(())
    }
}
