//! What must hold for any file; run by the test beside this and by the fuzz target.

use midge_mosquitto_db::{Config, Content, ReadError, Reader, SessionExpiry, Writer};

/// Reads `data` as a file. Nothing may panic, an error must say what is wrong within the file, and what could be read is the same
/// when it was written and read again. Returns whether the file is good.
pub(crate) fn read_any(data: &[u8]) -> bool {
    match read(data) {
        Ok(()) => true,
        Err(error) => {
            assert!(error.position <= data.len() as u64 && !error.to_string().is_empty());
            false
        }
    }
}

fn read(data: &[u8]) -> Result<(), ReadError> {
    let mut reader = Reader::of_any_version(data)?;
    while let Some(chunk) = reader.next_chunk()? {
        check_again(chunk.content);
    }
    Ok(())
}

fn check_again(mut content: Content<'_>) {
    let mut writer = Writer::new(Vec::new(), &Config { shutdown: false, last_store_id: 0 }).expect("memory takes all");
    if let Content::Client(client) = &mut content {
        // Version 6 knows no such time, and an end of every Session.
        client.disconnected_time_s = None;
        client.expiry.get_or_insert(SessionExpiry { time_s: 0, interval_s: u32::MAX });
    }
    let written = match &content {
        Content::Config(_) | Content::Unknown => return,
        Content::BaseMessage(message) => writer.base_message(message),
        Content::Client(client) => writer.client(client),
        Content::ClientMessage(message) => writer.client_message(message),
        Content::Subscription(subscription) => writer.subscription(subscription),
        Content::Retained(retained) => writer.retained(*retained),
    };
    written.expect("what was read is not too long");
    let file = writer.into_output();
    let mut reader = Reader::new(&file[..]).expect("it was just written");
    reader.next_chunk().expect("the configuration was just written");
    let again = reader.next_chunk().expect("it was just written").expect("it was just written");
    assert_eq!(again.content, content);
}
