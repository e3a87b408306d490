//! Places in what shards list, as text that goes through others' hands: any is harmless.

use midge_broker::SubscriptionCursor;

/// A place in what one shard lists, as text that goes through others' hands.
pub(super) trait PlaceOnShard: Sized {
    fn read(text: &str) -> Option<Self>;
    fn write(&self) -> String;
}

impl PlaceOnShard for u32 {
    fn read(text: &str) -> Option<u32> {
        text.parse().ok()
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl PlaceOnShard for SubscriptionCursor {
    fn read(text: &str) -> Option<SubscriptionCursor> {
        let mut parts = text.split('.');
        let read = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then(|| SubscriptionCursor::from_parts(read))
    }

    fn write(&self) -> String {
        let (slot, memberships, subscriptions) = self.to_parts();
        format!("{slot}.{memberships}.{subscriptions}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_their_text_and_nonsense_is_none() {
        let cursor = SubscriptionCursor::from_parts((1, 2, 3));
        assert_eq!(SubscriptionCursor::read(&cursor.write()), Some(cursor));
        for text in ["", "1", "1.2", "1.2.3.4", "a.b.c", "-1.0.0"] {
            assert_eq!(SubscriptionCursor::read(text), None, "{text}");
        }
    }
}
