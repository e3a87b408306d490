//! What people want to know of a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::der::Certificate;
use super::subject::common_name_in;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Host names and IP addresses that it is for; the common name, where it is of the time before there were others.
    pub names: Vec<String>,
    /// The common name of its issuer.
    pub issuer: Option<String>,
    /// The last second in which it counts, since 1970.
    pub not_after_s: u64,
    /// Whether it is its own issuer.
    pub is_self_issued: bool,
}

impl Description {
    /// Reads a certificate (DER). Nothing where the bytes are none.
    pub fn read(certificate: &[u8]) -> Option<Description> {
        let certificate = Certificate::read(certificate)?;
        let mut names = certificate.dns_names();
        names.extend(certificate.ip_addresses().filter_map(|bytes| match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
        }));
        if names.is_empty() {
            names.extend(common_name_in(certificate.subject));
        }
        Some(Description {
            names,
            issuer: common_name_in(certificate.issuer),
            not_after_s: certificate.validity_s.1,
            is_self_issued: certificate.is_self_issued(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_certificate_is_described() {
        let names = ["a.example", "::1", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "itself");
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        let expected = Description {
            names: ["a.example", "::1", "127.0.0.1"].map(str::to_owned).to_vec(),
            issuer: Some("itself".to_owned()),
            not_after_s: 1_893_456_000,
            is_self_issued: true,
        };
        assert_eq!(Description::read(certificate.der()), Some(expected));
        assert_eq!(Description::read(b"no certificate"), None);
    }
}
