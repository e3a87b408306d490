//! The table of PROXY headers: bytes, and whom they name or why they are refused, each cut at every byte.

use midge_net::proxy_protocol::{CorruptHeader, Header, Source, Tls, Version, decode};

const V2: Version = Version::Two { length_max: 500 };
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// 192.0.2.5:6275 to nowhere.
const IPV4: &[u8] = b"\xC0\x00\x02\x05\0\0\0\0\x18\x83\0\0";
const CHECKSUM_OF_ZEROS: &[u8] = b"\x03\x00\x04\0\0\0\0";

#[test]
fn lines_of_version_1() {
    let takes = |line: &str, shown: Option<&str>| {
        let header = whole(Version::One, line.as_bytes());
        assert_eq!(address(header.source).as_deref(), shown, "{line:?}");
        assert_eq!(header.tls, None);
    };
    takes("PROXY TCP4 192.0.2.5 127.0.0.1 6275 1234\r\n", Some("192.0.2.5:6275"));
    takes("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535"));
    takes("PROXY TCP6 2001:db8:506:708:900::1 ::1 6275 1234\r\n", Some("2001:db8:506:708:900::1:6275"));
    takes("PROXY TCP6 ::ffff:192.0.2.5 ::1 6275 1\r\n", Some("192.0.2.5:6275"));
    takes("PROXY UNKNOWN\r\n", None);
    takes("PROXY UNKNOWN \r\n", None);
    takes("PROXY UNKNOWN whatever it wants \r to say\r\n", None);
    takes(&format!("PROXY UNKNOWN{}\r\n", " ffff".repeat(18) + " 1"), None);
}

#[test]
fn lines_that_are_not_of_version_1() {
    let refuses = |line: &str, cause: &str| refuses(Version::One, line.as_bytes(), cause);
    for protocol in ["TCP3", "TCP", "TCP44", "UNKNOWNS", "tcp4", "", " TCP4"] {
        refuses(
            &format!("PROXY {protocol} 192.0.2.5 127.0.0.1 6275 1234\r\n"),
            "protocol is none of TCP4, TCP6 and UNKNOWN",
        );
    }
    for protocol in ["TCP4 192.0.2.5 127.0.0.1", "TCP6 2001:db8::1 ::1"] {
        for port in ["0", "65536", "-1", "+80", "080", "8o", " 80", "", "99999999999"] {
            let cause = if port.contains(' ') { "not two addresses and two ports" } else { "not a port" };
            refuses(&format!("PROXY {protocol} {port} 1883\r\n"), cause);
            refuses(&format!("PROXY {protocol} 6275 {port}\r\n"), cause);
        }
        refuses(&format!("PROXY {protocol} 6275\r\n"), "not two addresses and two ports");
        refuses(&format!("PROXY {protocol}\r\n"), "not two addresses and two ports");
        refuses(&format!("PROXY {protocol} 6275 1883 \r\n"), "not two addresses and two ports");
        refuses(&format!("PROXY {protocol} 6275 1883 1\r\n"), "not two addresses and two ports");
    }
    refuses("PROXY TCP4 \r\n", "not two addresses and two ports");
    refuses("PROXY TCP4\r\n", "not two addresses and two ports");
    for addresses in
        ["192.0.2.256 127.0.0.1", "192.0.2.5 127.0.0.256", "192.0.2.05 127.0.0.1", "::1 ::1", "a 127.0.0.1"]
    {
        refuses(&format!("PROXY TCP4 {addresses} 6275 1883\r\n"), "not an address of the protocol");
    }
    refuses("PROXY TCP6 192.0.2.5 127.0.0.1 6275 1883\r\n", "not an address of the protocol");
    refuses("PROXY TCP6 ::1%lo ::1 6275 1883\r\n", "not an address of the protocol");
    refuses(&format!("PROXY UNKNOWN{}\r\n", " ".repeat(93)), "line is too long");
    refuses(&format!("PROXY UNKNOWN{}", " ".repeat(94)), "line is too long");
    assert_eq!(decode(Version::One, b"PROXY UNKNOWN\xFF\r\n").expect_err("no text").cause, "line is no text");
    for start in ["\x10\x0c", "proxy ", "PROXYTCP4", "\r\n", "GET"] {
        refuses(start, "does not begin with `PROXY `");
    }
}

#[test]
fn addresses_of_version_2() {
    let takes = |command: u8, family: u8, rest: &[u8], shown: Option<&str>| {
        let bytes = version_2(command, family, rest);
        let header = whole(V2, &bytes);
        assert_eq!(address(header.source).as_deref(), shown, "{bytes:02x?}");
        assert_eq!(header.tls, None);
    };
    takes(0x21, 0x11, IPV4, Some("192.0.2.5:6275"));
    takes(0x21, 0x11, b"\xC0\x00\x02\x05\0\0\0\0\0\0\0\0\x04\x00\x01x", Some("192.0.2.5:0"));
    let mut ipv6 = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
    ipv6.resize(32, 0);
    ipv6.extend(b"\x18\x83\0\0");
    takes(0x21, 0x21, &ipv6, Some("2001:db8::1:6275"));
    let mut path = b"/path".to_vec();
    takes(0x21, 0x31, &path, Some("/path:0"));
    path.resize(216, 0);
    takes(0x21, 0x31, &path, Some("/path:0"));
    path.extend(b"\x04\x00\x00");
    takes(0x21, 0x31, &path, Some("/path:0"));
    takes(0x21, 0x31, &[b'a'; 216], Some(&format!("{}:0", "a".repeat(108))));
    takes(0x21, 0x31, &[0; 216], None);
    // LOCAL, whatever else it says.
    for (family, rest) in [(0x00, &b""[..]), (0x00, b"\x01"), (0x11, IPV4), (0x77, b"what")] {
        takes(0x20, family, rest, None);
        assert_eq!(whole(V2, &version_2(0x20, family, rest)).source, Source::Proxy);
    }
}

#[test]
fn tls_in_front() {
    let check = |value: &[u8], expected: Tls<'_>| {
        let bytes = version_2(0x21, 0x11, &[IPV4, b"\x02\x00\x05pqrst", &tlv(0x20, value), b"\x30\x00\x00"].concat());
        assert_eq!(whole(V2, &bytes).tls, Some(expected));
    };
    let tls =
        Tls { is_tls: true, has_verified_certificate: true, version: Some("TLSv1.3"), cipher: None, common_name: None };
    let version = tlv(0x21, b"TLSv1.3");
    check(&[b"\x05\0\0\0\0", &version[..]].concat(), tls);
    check(&[b"\x07\0\0\0\0", &version[..]].concat(), tls);
    check(&[b"\x03\0\0\0\0", &version[..]].concat(), tls);
    check(&[b"\x01\0\0\0\0", &version[..]].concat(), Tls { has_verified_certificate: false, ..tls });
    check(&[b"\x05\0\0\0\x01", &version[..]].concat(), Tls { has_verified_certificate: false, ..tls });
    check(&[b"\x04\0\0\0\0", &version[..]].concat(), Tls { is_tls: false, has_verified_certificate: false, ..tls });
    let more = [b"\x05\0\0\0\0", &version[..], &tlv(0x22, "Zoë".as_bytes()), &tlv(0x23, b"AES"), &tlv(0x24, b"\xFF")];
    check(&more.concat(), Tls { cipher: Some("AES"), common_name: Some("Zoë"), ..tls });
    let nothing = Tls { is_tls: true, has_verified_certificate: false, version: None, cipher: None, common_name: None };
    check(b"\x01\0\0\0\0", nothing);
}

#[test]
fn bytes_that_are_not_of_version_2() {
    let refuses_behind = |command: u8, family: u8, rest: &[u8], cause: &str| {
        refuses(V2, &version_2(command, family, rest), cause);
    };
    refuses(V2, b"\r\n\r\n\0\r\nQUIT\x0B", "signature of version 2 is wrong");
    refuses(V2, b"PROXY TCP4 ", "signature of version 2 is wrong");
    refuses(V2, b"\x10", "signature of version 2 is wrong");
    for version_and_command in [0x11, 0x31, 0x22, 0x23, 0x00] {
        refuses_behind(version_and_command, 0x11, IPV4, "unknown version or command");
    }
    for family in [0x00, 0x01, 0x10, 0x12, 0x22, 0x32, 0x41] {
        refuses_behind(0x21, family, IPV4, "not a stream over IPv4, IPv6 or a Unix socket");
    }
    for (family, length) in [(0x11, 0), (0x11, 11), (0x21, 0), (0x21, 11), (0x21, 35), (0x31, 0)] {
        refuses_behind(0x21, family, &vec![0; length], "header is too short for its addresses");
    }
    for family in [0x11, 0x21, 0x31] {
        refuses_behind(0x21, family, &[b'a'; 501], "header is longer than allowed");
    }
    let longest = Version::Two { length_max: u16::MAX };
    let bytes = version_2(0x21, 0x11, &[IPV4, &tlv(0x04, &vec![0; 65_520])].concat());
    assert_eq!(decode(longest, &bytes).expect("a header").expect("a whole one").length, 16 + 65_535);
}

#[test]
fn tlvs_that_are_wrong() {
    let refuses_tlvs = |tlvs: &[u8], cause: &str| {
        let bytes = version_2(0x21, 0x11, &[IPV4, tlvs].concat());
        refuses(V2, &bytes, cause);
        let source = decode(V2, &bytes).expect_err(cause).source.expect("the source is known");
        assert_eq!(address(source).as_deref(), Some("192.0.2.5:6275"));
    };
    let cut = "TLV goes on behind the end";
    for tlvs in [&b"\x20"[..], b"\x20\x00", b"\x20\x00\x01", b"\x04\x00\x02x", b"\x04\x00\x00\x04"] {
        refuses_tlvs(tlvs, cut);
    }
    refuses_tlvs(b"\x20\x00\x01\x21", "TLV about TLS is too short");
    refuses_tlvs(&tlv(0x20, b"\x05\0\0\0\0\x21\x00\x07TLSv1."), cut);
    refuses_tlvs(&tlv(0x20, b"\x05\0\0\0\0\x21"), cut);
    refuses_tlvs(&tlv(0x20, b"\x05\0\0\0\0\x22\x00\x01\xFF"), "text about TLS is not UTF-8");
    refuses_tlvs(&tlv(0x20, b"\x05\0\0\0\0\x22\x00\x03a\nb"), "control character in a text about TLS");
    refuses_tlvs(&tlv(0x20, b"\x01\0\0\0\0").repeat(2), "TLS is told about twice");
    refuses_tlvs(b"\x03\x00\x03abc", "checksum is not four bytes");
    refuses_tlvs(CHECKSUM_OF_ZEROS, "checksum is wrong");
}

#[test]
fn a_checksum_covers_the_whole_header() {
    for (before, after) in [(&b""[..], &b""[..]), (b"\x04\x00\x02hi", b""), (b"", b"\x04\x00\x02hi")] {
        let mut bytes = version_2(0x21, 0x11, &[IPV4, before, CHECKSUM_OF_ZEROS, after].concat());
        let at = bytes.len() - after.len() - 4;
        let sum = crc32c_bit_by_bit(&bytes);
        bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(address(whole(V2, &bytes).source).as_deref(), Some("192.0.2.5:6275"));
        // But for the byte that says that there is a checksum.
        for spoilt in (16..bytes.len()).filter(|spoilt| *spoilt != at - 3) {
            let mut bytes = bytes.clone();
            bytes[spoilt] ^= 0x40;
            assert_ne!(decode(V2, &bytes).ok().flatten().map(|header| header.length), Some(bytes.len()), "{spoilt}");
        }
    }
}

/// Castagnoli's polynomial as slow as can be, to have a second opinion.
fn crc32c_bit_by_bit(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0x82F6_3B78 } else { 0 })
    });
    !sum
}

fn version_2(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = (rest.len() as u16).to_be_bytes();
    [SIGNATURE, &[version_and_command, family, high, low], rest].concat()
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = (value.len() as u16).to_be_bytes();
    [&[kind, high, low], value].concat()
}

fn address(source: Source<'_>) -> Option<String> {
    source.address().map(|address| address.to_string())
}

/// The bytes are a header, none when cut anywhere, and what is behind them changes nothing.
#[track_caller]
fn whole(version: Version, bytes: &[u8]) -> Header<'_> {
    for cut in 0..bytes.len() {
        assert_eq!(decode(version, &bytes[..cut]), Ok(None), "cut to {cut}: {bytes:02x?}");
    }
    let followed = [bytes, b"\r\n\x10\x0c"].concat();
    let header = decode(version, bytes).expect("a header").expect("a whole one");
    assert_eq!(header.length, bytes.len());
    assert_eq!(decode(version, &followed), Ok(Some(header)));
    header
}

/// The bytes are refused, and when cut anywhere nothing else is said than that.
#[track_caller]
fn refuses(version: Version, bytes: &[u8], cause: &str) {
    for cut in 0..=bytes.len() {
        match decode(version, &bytes[..cut]) {
            Ok(None) => assert!(cut < bytes.len(), "not refused: {bytes:02x?}"),
            Ok(header) => panic!("{header:?} from {bytes:02x?}"),
            Err(CorruptHeader { cause: said, .. }) => assert_eq!(said, cause, "cut to {cut}: {bytes:02x?}"),
        }
    }
}
