//! Packets in the pieces of a stream: each stands in one piece, but for a large payload, which is the next one.

use midge_codec::{FixedHeader, fixed_header};

/// What stands next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// `body` ends before the payload where that is a piece of its own.
    Packet { header: FixedHeader, body: &'a [u8], payload: &'a [u8] },
    /// So many bytes make no packet.
    Nonsense(usize),
}

/// Shows all packets, until there is something that is none.
pub(super) fn each_packet<'a>(pieces: impl Iterator<Item = &'a [u8]>, mut visit: impl FnMut(Found<'a>)) {
    let mut pieces = pieces;
    while let Some(mut piece) = pieces.next() {
        while !piece.is_empty() {
            let Ok(Some(header)) = fixed_header(piece) else { return visit(Found::Nonsense(piece.len())) };
            let (length, begin) = (header.packet_len(), usize::from(header.length));
            if let Some(packet) = piece.get(..length) {
                visit(Found::Packet { header, body: &packet[begin..], payload: &[] });
                piece = &piece[length..];
                continue;
            }
            match pieces.next() {
                Some(payload) if piece.len() + payload.len() == length => {
                    visit(Found::Packet { header, body: &piece[begin..], payload });
                }
                _ => return visit(Found::Nonsense(piece.len())),
            }
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expected: &[(&[u8], &[u8])], nonsense: Option<usize>) {
        let (mut seen, mut rest) = (Vec::new(), None);
        each_packet(pieces.iter().copied(), |found| match found {
            Found::Packet { body, payload, .. } => seen.push((body, payload)),
            Found::Nonsense(bytes) => rest = Some(bytes),
        });
        assert_eq!((seen.as_slice(), rest), (expected, nonsense));
    }

    #[test]
    fn packets_are_cut_from_pieces() {
        check(&[], &[], None);
        check(&[b"\xc0\x00\x30\x03abc"], &[(b"", b""), (b"abc", b"")], None);
        check(&[b"\xc0\x00\x30\x05ab", b"cde", b"\xd0\x00"], &[(b"", b""), (b"ab", b"cde"), (b"", b"")], None);
    }

    #[test]
    fn what_is_no_packet_is_counted_and_ends_it() {
        check(&[b"\xc0\x00\x30\x03ab"], &[(b"", b"")], Some(4));
        check(&[b"\x30"], &[], Some(1));
        check(&[b"\x30\xff\xff\xff\xff\xff"], &[], Some(6));
        check(&[b"\x30\x05ab", b"c"], &[], Some(4));
    }
}
