//! A range of IP addresses, as operators write it: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use core::net::IpAddr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Reads an address, with `/BITS` behind it or alone. `None`: it is none, or has fewer bits.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Some(bits_max), |bits| bits.trim().parse().ok())?;
        (prefix_bits <= bits_max).then_some(Network { address, prefix_bits })
    }

    /// Whether `address` is one of them. IPv6-mapped IPv4 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => self.agree(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => self.agree(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }

    fn agree(&self, own: u128, other: u128, bits: u32) -> bool {
        (own ^ other).checked_shr(bits - self.prefix_bits).unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_networks() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::parse(network).expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), expected, "{network:?} {address}");
        };
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("127.0.0.1", "::ffff:127.0.0.1", true);
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.9/31", "10.0.0.8", true);
        check("0.0.0.0/0", "192.0.2.1", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/33", "2001:db8:8000::1", false);
    }

    #[test]
    fn what_is_no_network() {
        for text in ["", "example.org", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
