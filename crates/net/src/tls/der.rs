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
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];
const DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 0x1f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// 1.3.6.1.5.5.7.3.1.
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// 1.3.6.1.5.5.7.3.2.
const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// The bits of a key usage for handshakes, for certificates and for lists of revoked ones, in its first byte.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_AGREEMENT: u8 = 0x08;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

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

/// What an issuer has signed: certificates, and lists of revoked ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) contents: Element<'a>,
    /// Its algorithm identifier, without tag and length.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Signed<'a>> {
        let mut parts = Reader(bytes).expect(SEQUENCE)?.inside();
        let contents = parts.expect(SEQUENCE)?;
        let algorithm = parts.expect(SEQUENCE)?.contents;
        Some(Signed { contents, algorithm, signature: bits(parts.expect(BIT_STRING)?)? })
    }
}

/// One extension of a certificate, of a list, or of what stands on one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) identifier: &'a [u8],
    /// Who does not know it must not go on.
    pub(crate) is_critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(crate) fn read(element: Element<'a>) -> Option<Extension<'a>> {
        let mut parts = element.inside();
        let identifier = parts.expect(OBJECT_IDENTIFIER)?.contents;
        let is_critical = parts.optional(BOOLEAN).is_some_and(|critical| critical.contents != [0]);
        Some(Extension { identifier, is_critical, value: parts.expect(OCTET_STRING)?.contents })
    }
}

/// Who shows certificates (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Clients,
    Servers,
}

impl Purpose {
    fn object_identifier(self) -> &'static [u8] {
        match self {
            Purpose::Clients => CLIENT_AUTHENTICATION,
            Purpose::Servers => SERVER_AUTHENTICATION,
        }
    }
}

/// What is looked at of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) signed: Signed<'a>,
    pub(crate) is_version_1: bool,
    pub(crate) serial_number: &'a [u8],
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
        let signed = Signed::read(bytes)?;
        let mut fields = signed.contents.inside();
        let is_version_1 = fields.optional(VERSION).is_none_or(|version| version.contents == [INTEGER, 1, 0]);
        let serial_number = fields.expect(INTEGER)?.contents;
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
            signed,
            is_version_1,
            serial_number,
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
        let is_for_issuing = self.usage(KEY_CERT_SIGN);
        let constraints = self.extension(BASIC_CONSTRAINTS);
        match constraints.and_then(|value| Reader(value).expect(SEQUENCE)) {
            Some(constraints) => {
                let authority = constraints.inside().optional(BOOLEAN);
                is_for_issuing != Some(false) && authority.is_some_and(|authority| authority.contents != [0])
            }
            None if constraints.is_some() => false,
            None => is_for_issuing.unwrap_or(self.is_version_1 && self.is_self_issued()),
        }
    }

    /// How many other authorities may stand between it and a client, where it says so (RFC 5280, 4.2.1.9).
    pub(crate) fn path_length(&self) -> Option<usize> {
        let mut constraints = Reader(self.extension(BASIC_CONSTRAINTS)?).expect(SEQUENCE)?.inside();
        constraints.optional(BOOLEAN);
        let bytes = constraints.expect(INTEGER)?.contents;
        Some(bytes.iter().fold(0_usize, |length, byte| length.saturating_mul(256).saturating_add((*byte).into())))
    }

    /// Whether it may have issued lists of revoked certificates.
    pub(crate) fn may_revoke(&self) -> bool {
        self.usage(CRL_SIGN).unwrap_or(true)
    }

    /// Whether what it has issued may be of any client, or server: it says nothing of names (RFC 5280, 4.2.1.10), and is not for
    /// others alone.
    pub(crate) fn may_issue_for_any(&self, purpose: Purpose) -> bool {
        self.extension(NAME_CONSTRAINTS).is_none() && self.is_for(purpose)
    }

    /// Whether clients may show it, as OpenSSL sees it: it says so, or does not say what it is for.
    pub(crate) fn may_be_shown_by_clients(&self) -> bool {
        self.is_for(Purpose::Clients) && self.usage(DIGITAL_SIGNATURE | KEY_AGREEMENT).unwrap_or(true)
    }

    fn is_for(&self, purpose: Purpose) -> bool {
        let purposes = self.extension(EXTENDED_KEY_USAGE).map(|value| Reader(value).expect(SEQUENCE));
        let names_it = |purposes: Element<'_>| {
            let mut purposes = purposes.inside();
            std::iter::from_fn(|| purposes.next()).any(|named| named.contents == purpose.object_identifier())
        };
        purposes.is_none_or(|purposes| purposes.is_some_and(names_it))
    }

    /// Whether subject and issuer are one.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer.contents == self.subject.contents
    }

    /// Whether its key is for what one of these bits stands for; `None`: it does not say what it is for.
    fn usage(&self, bits: u8) -> Option<bool> {
        let usage = self.extension(KEY_USAGE).and_then(|value| Reader(value).expect(BIT_STRING))?;
        Some(usage.contents.get(1).is_some_and(|first| first & bits != 0))
    }

    /// Names of places where its issuer says whether it is revoked (RFC 5280, 4.2.1.13), with tag and length.
    pub(crate) fn distribution_points(&self) -> Vec<&'a [u8]> {
        let points = self.extension(DISTRIBUTION_POINTS).and_then(|value| Reader(value).expect(SEQUENCE));
        let mut names = Vec::new();
        let mut points = points.map_or(Reader(&[]), |points| points.inside());
        while let Some(point) = points.next() {
            names.extend(point.inside().optional(POINT_NAME).into_iter().flat_map(names_of_point));
        }
        names
    }

    /// The host names that it is for.
    pub(crate) fn dns_names(&self) -> Vec<String> {
        let name = |bytes| String::from_utf8_lossy(bytes).to_ascii_lowercase();
        self.alternative_names(DNS_NAME).map(name).collect()
    }

    /// The IP addresses that it is for, as bytes.
    pub(crate) fn ip_addresses(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.alternative_names(IP_ADDRESS)
    }

    fn alternative_names(&self, tag: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let alternative = self.extension(SUBJECT_ALTERNATIVE_NAME).and_then(|value| Reader(value).expect(SEQUENCE));
        let mut reader = alternative.map_or(Reader(&[]), |alternative| alternative.inside());
        std::iter::from_fn(move || reader.next()).filter(move |name| name.tag == tag).map(|name| name.contents)
    }

    fn extension(&self, identifier: &[u8]) -> Option<&'a [u8]> {
        let mut extensions = self.extensions?.inside();
        while let Some(extension) = extensions.expect(SEQUENCE).and_then(Extension::read) {
            if extension.identifier == identifier {
                return Some(extension.value);
            }
        }
        None
    }
}

/// The names in a DistributionPointName, with tag and length; none where it is relative to its issuer.
pub(crate) fn names_of_point(point: Element<'_>) -> Vec<&[u8]> {
    let mut names = point.inside().optional(FULL_NAME).map_or(Reader(&[]), |names| names.inside());
    std::iter::from_fn(|| Some(names.next()?.whole)).collect()
}

/// A DistributionPointName, and the one of its forms that is in use.
pub(crate) const POINT_NAME: u8 = 0xa0;
const FULL_NAME: u8 = 0xa0;

/// The bytes of a string of whole bytes.
fn bits(element: Element<'_>) -> Option<&[u8]> {
    match element.contents {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

/// A time (RFC 5280, 4.1.2.5) as seconds since 1970; what lies before is 0.
pub(crate) fn seconds(time: Element<'_>) -> Option<u64> {
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
