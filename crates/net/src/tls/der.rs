//! As much of DER (X.690) and of certificates (RFC 5280) as is needed beside the library's own reader, which takes no
//! certificate of version 1 and shows no names.

/// What is left of a sequence of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// The bit of a key usage for certificates, in its first byte.
const KEY_CERT_SIGN: u8 = 0x04;
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const DNS_NAME: u8 = 0x82;

impl<'a> Reader<'a> {
    /// The next element, whatever it is.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let [tag, first, ..] = *self.0 else { return None };
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            0x81..=0x84 => {
                let bytes = self.0.get(2..2 + usize::from(first - 0x80))?;
                (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let whole = self.0.get(..end)?;
        self.0 = &self.0[end..];
        Some(Element { tag, contents: &whole[header..], whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.0.first() == Some(&tag) { self.next() } else { None }
    }
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub(crate) fn inside(&self) -> Reader<'a> {
        Reader(self.contents)
    }
}

/// What is looked at of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    /// What the issuer has signed.
    pub(crate) signed: &'a [u8],
    /// Its algorithm identifier, without tag and length.
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    pub(crate) is_version_1: bool,
    pub(crate) issuer: Element<'a>,
    pub(crate) subject: Element<'a>,
    /// Seconds since 1970, the last one included.
    pub(crate) validity_s: (u64, u64),
    /// SubjectPublicKeyInfo, with tag and length.
    pub(crate) public_key_info: &'a [u8],
    pub(crate) public_key_algorithm: &'a [u8],
    pub(crate) public_key: &'a [u8],
    extensions: Option<Element<'a>>,
}

impl<'a> Certificate<'a> {
    /// Nothing where the bytes are no certificate.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Certificate<'a>> {
        let mut certificate = Reader(bytes).expect(SEQUENCE)?.inside();
        let signed = certificate.expect(SEQUENCE)?;
        let signature_algorithm = certificate.expect(SEQUENCE)?.contents;
        let signature = bits(certificate.expect(BIT_STRING)?)?;
        let mut fields = signed.inside();
        let is_version_1 = fields.optional(VERSION).is_none_or(|version| version.contents == [INTEGER, 1, 0]);
        fields.expect(INTEGER)?;
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?;
        let mut validity = fields.expect(SEQUENCE)?.inside();
        let validity_s = (seconds(validity.next()?)?, seconds(validity.next()?)?);
        let subject = fields.expect(SEQUENCE)?;
        let info = fields.expect(SEQUENCE)?;
        let mut key = info.inside();
        let public_key_algorithm = key.expect(SEQUENCE)?.contents;
        let public_key = bits(key.expect(BIT_STRING)?)?;
        let mut extensions = None;
        while let Some(field) = fields.next() {
            if field.tag == EXTENSIONS {
                extensions = field.inside().expect(SEQUENCE);
            }
        }
        Some(Certificate {
            signed: signed.whole,
            signature_algorithm,
            signature,
            is_version_1,
            issuer,
            subject,
            validity_s,
            public_key_info: info.whole,
            public_key_algorithm,
            public_key,
            extensions,
        })
    }

    /// Whether it may have issued others, as OpenSSL sees it: it says so (RFC 5280, 4.2.1.9), or it is of the time before that
    /// could be said and its own issuer. Others that are trusted are so for themselves only.
    pub(crate) fn may_issue(&self) -> bool {
        let usage = self.extension(KEY_USAGE).and_then(|value| Reader(value).expect(BIT_STRING));
        let is_for_issuing = usage.map(|usage| usage.contents.get(1).is_some_and(|bits| bits & KEY_CERT_SIGN != 0));
        let constraints = self.extension(BASIC_CONSTRAINTS);
        let is_self_signed = self.issuer.contents == self.subject.contents;
        match constraints.and_then(|value| Reader(value).expect(SEQUENCE)) {
            Some(constraints) => {
                let authority = constraints.inside().optional(BOOLEAN);
                is_for_issuing != Some(false) && authority.is_some_and(|authority| authority.contents != [0])
            }
            None if constraints.is_some() => false,
            None => is_for_issuing.unwrap_or(self.is_version_1 && is_self_signed),
        }
    }

    /// The host names that it is for.
    pub(crate) fn dns_names(&self) -> Vec<String> {
        let alternative = self.extension(SUBJECT_ALTERNATIVE_NAME).and_then(|value| Reader(value).expect(SEQUENCE));
        let mut names = Vec::new();
        let mut reader = alternative.map_or(Reader(&[]), |alternative| alternative.inside());
        while let Some(name) = reader.next() {
            if name.tag == DNS_NAME {
                names.push(String::from_utf8_lossy(name.contents).to_ascii_lowercase());
            }
        }
        names
    }

    fn extension(&self, identifier: &[u8]) -> Option<&'a [u8]> {
        let mut extensions = self.extensions?.inside();
        while let Some(extension) = extensions.expect(SEQUENCE) {
            let mut parts = extension.inside();
            if parts.expect(OBJECT_IDENTIFIER)?.contents == identifier {
                while let Some(part) = parts.next() {
                    if part.tag == OCTET_STRING {
                        return Some(part.contents);
                    }
                }
            }
        }
        None
    }
}

/// The bytes of a string of whole bytes.
fn bits(element: Element<'_>) -> Option<&[u8]> {
    match element.contents {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

/// A time (RFC 5280, 4.1.2.5) as seconds since 1970; what lies before is 0.
fn seconds(time: Element<'_>) -> Option<u64> {
    let text = str::from_utf8(time.contents).ok()?.strip_suffix('Z')?;
    let (year, rest) = match time.tag {
        UTC_TIME => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let field = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day, hour, minute, second) = (field(0)?, field(2)?, field(4)?, field(6)?, field(8)?);
    // Days from civil, after Howard Hinnant: the year begins in March, so that the leap day is its last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    Some(u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        let check = |tag, text: &str, expected| {
            let element = Element { tag, contents: text.as_bytes(), whole: &[] };
            assert_eq!(seconds(element), expected, "{text}");
        };
        check(UTC_TIME, "700101000000Z", Some(0));
        check(UTC_TIME, "240229120000Z", Some(1_709_208_000));
        check(UTC_TIME, "491231235959Z", Some(2_524_607_999));
        check(UTC_TIME, "500101000000Z", Some(0));
        check(GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000));
        check(GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799));
        check(UTC_TIME, "2402", None);
        check(INTEGER, "240229120000Z", None);
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let generated = rcgen::generate_simple_self_signed(vec!["a.example".to_owned(), "*.b.example".to_owned()]);
        let der = generated.expect("a certificate").cert.der().to_vec();
        let certificate = Certificate::read(&der).expect("a certificate");
        assert!(!certificate.is_version_1);
        assert_eq!(certificate.dns_names(), ["a.example", "*.b.example"]);
        for end in 0..der.len() {
            assert!(Certificate::read(&der[..end]).is_none(), "{end}");
        }
        // Whatever a byte is changed to, it is read without a panic.
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0xff;
            if let Some(certificate) = Certificate::read(&changed) {
                let _ = (certificate.dns_names(), super::super::common_name(&changed));
                let _ = super::super::distinguished_name(&changed);
            }
        }
    }
}
