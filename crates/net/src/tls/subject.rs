//! Whom a certificate names, as user names are made of it.

use std::fmt::Write;

use super::der::{Certificate, Element, OBJECT_IDENTIFIER, SEQUENCE, SET};

/// The first common name of the subject of a certificate.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    common_name_in(Certificate::read(certificate)?.subject)
}

/// The first common name in a name.
pub(crate) fn common_name_in(name: Element<'_>) -> Option<String> {
    let mut parts = parts(name).into_iter().flatten();
    let (_, value) = parts.find(|(identifier, _)| *identifier == COMMON_NAME)?;
    text(value).filter(|name| !name.is_empty() && !name.contains('\0'))
}

/// The whole subject of a certificate as RFC 2253 and OpenSSL write it: the last part first, `CN=ann,O=Example`.
pub fn distinguished_name(certificate: &[u8]) -> Option<String> {
    let subject = Certificate::read(certificate)?.subject;
    let mut written = String::new();
    for (number, set) in parts(subject).iter().rev().enumerate() {
        for (position, (identifier, value)) in set.iter().enumerate() {
            written.push_str(match (number, position) {
                (0, 0) => "",
                (_, 0) => ",",
                _ => "+",
            });
            write_part(&mut written, identifier, *value);
        }
    }
    (!written.is_empty()).then_some(written)
}

type Part<'a> = (&'a [u8], Element<'a>);

/// The parts of a name; most have one value each.
fn parts(name: Element<'_>) -> Vec<Vec<Part<'_>>> {
    let mut sets = Vec::new();
    let mut reader = name.inside();
    while let Some(set) = reader.expect(SET) {
        let mut values = Vec::new();
        let mut inside = set.inside();
        while let Some(pair) = inside.expect(SEQUENCE) {
            let mut pair = pair.inside();
            if let (Some(identifier), Some(value)) = (pair.expect(OBJECT_IDENTIFIER), pair.next()) {
                values.push((identifier.contents, value));
            }
        }
        sets.push(values);
    }
    sets
}

fn write_part(written: &mut String, identifier: &[u8], value: Element<'_>) {
    let known = NAMES.iter().find(|(other, _)| *other == identifier);
    match (known, text(value)) {
        (Some((_, name)), Some(text)) => {
            let _ = write!(written, "{name}=");
            write_escaped(written, &text);
        }
        (known, _) => {
            match known {
                Some((_, name)) => written.push_str(name),
                None => write_dotted(written, identifier),
            }
            written.push_str("=#");
            for byte in value.whole {
                let _ = write!(written, "{byte:02X}");
            }
        }
    }
}

/// RFC 2253, 2.4; what is not ASCII is escaped byte by byte, as OpenSSL does it.
fn write_escaped(written: &mut String, text: &str) {
    for (at, byte) in text.bytes().enumerate() {
        let is_at_edge = (byte == b' ' && (at == 0 || at + 1 == text.len())) || (byte == b'#' && at == 0);
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                written.push('\\');
                written.push(char::from(byte));
            }
            b' ' | b'#' if is_at_edge => {
                written.push('\\');
                written.push(char::from(byte));
            }
            b' '..=b'~' => written.push(char::from(byte)),
            _ => {
                let _ = write!(written, "\\{byte:02X}");
            }
        }
    }
}

fn write_dotted(written: &mut String, identifier: &[u8]) {
    let mut number: u64 = 0;
    let mut is_first = true;
    for byte in identifier {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if std::mem::take(&mut is_first) {
            let root = (number / 40).min(2);
            let _ = write!(written, "{root}.{}", number - root * 40);
        } else {
            let _ = write!(written, ".{number}");
        }
        number = 0;
    }
}

/// The strings of names, which come in many encodings.
fn text(value: Element<'_>) -> Option<String> {
    const UTF8: u8 = 0x0c;
    const NUMERIC: u8 = 0x12;
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const UNIVERSAL: u8 = 0x1c;
    const BMP: u8 = 0x1e;
    match value.tag {
        UTF8 | NUMERIC | PRINTABLE | IA5 => str::from_utf8(value.contents).ok().map(str::to_owned),
        // Everybody takes it for Latin-1.
        TELETEX => Some(value.contents.iter().map(|byte| char::from(*byte)).collect()),
        BMP => {
            let units = value.contents.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        UNIVERSAL => {
            let units = value.contents.chunks_exact(4);
            units.map(|four| char::from_u32(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))).collect()
        }
        _ => None,
    }
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Object identifiers and the short names under which OpenSSL shows them.
const NAMES: &[(&[u8], &str)] = &[
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn certificate(parts: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        parts.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), *value));
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn names_are_written_as_openssl_does() {
        let check = |parts: &[(DnType, &str)], name: Option<&str>, whole: Option<&str>| {
            let certificate = certificate(parts);
            assert_eq!(common_name(&certificate).as_deref(), name);
            assert_eq!(distinguished_name(&certificate).as_deref(), whole);
        };
        check(&[(DnType::CommonName, "ann")], Some("ann"), Some("CN=ann"));
        let both = [(DnType::CountryName, "DE"), (DnType::OrganizationName, "A, B"), (DnType::CommonName, " ann+#")];
        check(&both, Some(" ann+#"), Some("CN=\\ ann\\+#,O=A\\, B,C=DE"));
        check(&[(DnType::CommonName, "Jörg")], Some("Jörg"), Some("CN=J\\C3\\B6rg"));
        let custom = DnType::CustomDnType(vec![1, 2, 840, 7]);
        check(&[(custom, "x")], None, Some("1.2.840.7=#0C0178"));
        check(&[], None, None);
    }

    #[test]
    fn what_is_no_certificate_has_no_name() {
        assert_eq!(common_name(b"ann"), None);
        assert_eq!(distinguished_name(&[]), None);
    }
}
