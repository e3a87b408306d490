//! By what clients are sorted. The server sorts; here are the names and the keys.

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SortKey {
    Traffic,
    Received,
    Sent,
    Queued,
    Waiting,
    Connected,
}

impl SortKey {
    /// As the server knows them, in the order of the variants.
    pub(super) const NAMES: &'static [&'static str] =
        &["traffic", "received", "sent", "queued", "waiting", "connected"];

    const ALL: [(u8, SortKey); 6] = [
        (b't', SortKey::Traffic),
        (b'r', SortKey::Received),
        (b's', SortKey::Sent),
        (b'u', SortKey::Queued),
        (b'w', SortKey::Waiting),
        (b'c', SortKey::Connected),
    ];

    pub(super) fn name(self) -> &'static str {
        SortKey::NAMES[self as usize]
    }

    /// The error is the message for the user.
    pub(super) fn parse(name: &str) -> Result<SortKey, String> {
        let found = SortKey::ALL.into_iter().find(|(_, key)| key.name() == name);
        let names = SortKey::NAMES.join(", ");
        found
            .map(|(_, key)| key)
            .ok_or_else(|| format!("Error: Invalid --sort argument \"{name}\": it is one of {names}."))
    }

    /// The one that is chosen with this key.
    pub(super) fn of_key(key: u8) -> Option<SortKey> {
        SortKey::ALL.into_iter().find(|(letter, _)| *letter == key).map(|(_, sort)| sort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_key() {
        for (letter, key) in SortKey::ALL {
            assert_eq!((SortKey::parse(key.name()), SortKey::of_key(letter)), (Ok(key), Some(key)));
        }
        let message =
            "Error: Invalid --sort argument \"x\": it is one of traffic, received, sent, queued, waiting, connected.";
        assert_eq!(SortKey::parse("x"), Err(message.to_owned()));
        assert_eq!(SortKey::of_key(b'x'), None);
    }
}
