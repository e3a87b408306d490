//! What questions and files cost: `cargo bench -p midge-auth`. The allocator counts, so that a question that allocates is seen.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use divan::{AllocProfiler, Bencher, black_box};
use midge_auth::{Access, Acl, Passwords, Rights};

#[global_allocator]
static ALLOCATOR: AllocProfiler<std::alloc::System> = AllocProfiler::system();

fn main() {
    divan::main();
}

/// As most lists are: a few rules for each of some users, and patterns.
const SMALL: &str = "topic read news/#\n\
                     user ada\ntopic read building/7/#\ntopic write building/7/device/0000007/set\ntopic deny building/7/secret/#\n\
                     user bob\ntopic readwrite #\n\
                     pattern write devices/%c/+/state\npattern read devices/%c/set/#\n";

static SMALL_ACL: LazyLock<Arc<Acl>> = LazyLock::new(|| acl(SMALL));

fn acl(text: &str) -> Arc<Acl> {
    let loaded = Acl::parse("acl", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(loaded.content)
}

fn bench_check(bencher: Bencher<'_, '_>, rights: &Rights, access: Access, topic: &str, expected: bool) {
    assert_eq!(rights.check(access, topic).is_allowed(), expected, "{topic}");
    bencher.bench_local(|| rights.check(access, black_box(topic)));
}

#[divan::bench]
fn without_file(bencher: Bencher<'_, '_>) {
    bench_check(bencher, &Rights::UNLIMITED, Access::Publish, "building/7/device/0000007/st", true);
}

#[divan::bench]
fn exact(bencher: Bencher<'_, '_>) {
    let rights = Rights::new(&SMALL_ACL, Some("ada"), "c1");
    bench_check(bencher, &rights, Access::Publish, "building/7/device/0000007/set", true);
}

#[divan::bench]
fn wildcard(bencher: Bencher<'_, '_>) {
    let rights = Rights::new(&SMALL_ACL, Some("ada"), "c1");
    bench_check(bencher, &rights, Access::Receive, "building/7/device/0000007/st", true);
}

#[divan::bench]
fn everything(bencher: Bencher<'_, '_>) {
    let rights = Rights::new(&SMALL_ACL, Some("bob"), "c1");
    bench_check(bencher, &rights, Access::Receive, "building/7/device/0000007/st", true);
}

#[divan::bench]
fn pattern(bencher: Bencher<'_, '_>) {
    let rights = Rights::new(&SMALL_ACL, Some("device"), "device-0000007");
    bench_check(bencher, &rights, Access::Publish, "devices/device-0000007/door/state", true);
}

#[divan::bench]
fn denied_by_nothing(bencher: Bencher<'_, '_>) {
    let rights = Rights::new(&SMALL_ACL, Some("ada"), "c1");
    bench_check(bencher, &rights, Access::Publish, "building/8/device/0000007/st", false);
}

/// Of one User, half of them with `+`.
#[divan::bench(args = [10, 100, 1000])]
fn last_of_many_wildcards(bencher: Bencher<'_, '_>, rules: usize) {
    let lines = |n| format!("topic read building/{n}/+/st\ntopic read building/{n}/set\n");
    let text: String = (0..rules).map(lines).collect();
    let rights = Rights::new(&acl(&text), None, "c1");
    bench_check(bencher, &rights, Access::Receive, &format!("building/{}/7/st", rules - 1), true);
}

/// What a connection costs once.
#[divan::bench]
fn make_rights(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Rights::new(&SMALL_ACL, black_box(Some("ada")), "device-0000007"));
}

#[divan::bench(args = ["building/7/device/0000007/st", "building/7/+/#", "#", "other/#"])]
fn strict_subscribe(bencher: Bencher<'_, '_>, filter: &str) {
    let rights = Rights::new(&SMALL_ACL, Some("ada"), "c1");
    bencher.bench_local(|| rights.check_filter(black_box(filter)));
}

/// A million lines of 250,000 Users; or of one.
#[divan::bench(sample_count = 3, sample_size = 1, args = [250_000, 1])]
fn read_acl_of_1_000_000_lines(bencher: Bencher<'_, '_>, users: u32) {
    let mut text = String::new();
    for n in 0..1_000_000_u32 {
        let _ = match n % (1_000_000 / users) {
            0 => writeln!(text, "user device-{n:07}"),
            1 => writeln!(text, "topic write building/{:03}/device/{n:07}/st", n % 1000),
            2 => writeln!(text, "topic read building/{:03}/device/{n:07}/set/#", n % 1000),
            _ => writeln!(text, "topic deny building/{:03}/device/{n:07}/secret", n % 1000),
        };
    }
    bencher.bench_local(|| Acl::parse("acl", text.as_bytes()).map(drop));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn read_password_file_of_1_000_000_lines(bencher: Bencher<'_, '_>) {
    let hash = "$7$101$htOjlp4SYOX0UkZ9$ci+DFtNeXBIhZ7WWgaJymUJbfBmV8Sj0PIN5Mqii4aCz6V5UCLUyPN8ESX8xJois+8aTQw6hZWD66ms2YniS/w==";
    let mut text = String::new();
    for n in 0..1_000_000 {
        let _ = writeln!(text, "device-{n:07}:{hash}");
    }
    bencher.bench_local(|| Passwords::parse("pw", text.as_bytes()).map(drop));
}

/// SHA-512 once, PBKDF2 as Mosquitto 2.0 and 2.1 make it, Argon2id as 2.1 does.
#[divan::bench(args = ["sha512", "pbkdf2-101", "pbkdf2-1000", "argon2id"])]
fn verify(bencher: Bencher<'_, '_>, kind: &str) {
    use midge_auth::{PasswordHash, Scheme};
    let scheme = match kind {
        "sha512" => Scheme::Sha512,
        "pbkdf2-101" => Scheme::Pbkdf2 { iterations: 101 },
        "pbkdf2-1000" => Scheme::PBKDF2,
        _ => Scheme::ARGON2ID,
    };
    let hash = PasswordHash::new(scheme, b"secret", &[7; 64]).expect("a hash");
    bencher.bench_local(|| hash.is_of(black_box(b"secret")));
}
