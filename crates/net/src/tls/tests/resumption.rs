//! Clients that come again with what they have kept.

use rustls::HandshakeKind;

use super::super::trust::Trust;
use super::*;

#[test]
fn sessions_are_resumed_until_the_files_are_read_again() {
    use HandshakeKind::{Full, Resumed};
    let folder = Folder::new();
    let options = options(&folder, &Authority::new("ca").sign("localhost", |_| ()));
    for version in BOTH {
        check_resumption(&options, &client_config(version, None), [Full, Resumed, Full]);
    }
}

/// How a client comes in for the first time, for the second, and after the files were read again.
#[track_caller]
pub(super) fn check_resumption(options: &TlsOptions, config: &ClientConfig, expected: [HandshakeKind; 3]) {
    let (mut listener, _) = TlsListener::open(options).expect("opened");
    let mut kinds = Vec::new();
    for round in 0..3 {
        let mut pair = Pair::new(&listener, config.clone());
        pair.settle().expect("a handshake");
        kinds.push(pair.client.handshake_kind().expect("known"));
        if round == 1 {
            listener = TlsListener::open(options).expect("read again").0;
            pair.send(b"goes on").expect("encoded");
        }
    }
    assert_eq!(kinds, expected);
}

/// What a client has kept leads nobody around the judgement, which may be another by now: time goes on.
#[test]
fn who_resumes_is_judged_again() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let options = certificates::strict(&folder, &authority);
    let build = |options: &TlsOptions| {
        let trust = Arc::new(Trust::read(options, None, &mut Vec::new()).expect("read"));
        rustls_context::build(options, &trust, None, &mut Vec::new()).expect("good")
    };
    let context = build(&options);
    let other = Folder::new();
    let expired = build(&TlsOptions {
        crlfile: Some(other.write("crl.pem", &certificates::revocation_of(7, &authority))),
        ..options
    });
    let later = context.judged_as_by(&expired);
    let client = |number: u64| authority.sign("ann", |params| params.serial_number = Some(number.into()));
    for version in BOTH {
        for (identity, expected) in [(client(8), None), (client(7), Some("certificate of the client is revoked"))] {
            let config = client_config(version, Some(&identity));
            Pair::of(Tls(Library::Rustls(context.begin())), config.clone(), "localhost").settle().expect("a handshake");
            let mut pair = Pair::of(Tls(Library::Rustls(later.begin())), config, "localhost");
            let failure = pair.settle().err().map(|failure| failure.to_string());
            assert_eq!(failure.as_deref(), expected);
            assert_eq!(pair.client.handshake_kind(), Some(HandshakeKind::Resumed));
            assert_eq!(pair.send(b"hello").is_err(), expected.is_some());
        }
    }
}
