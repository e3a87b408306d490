//! Who waits for whom, and for how long.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

fn v4(last: u8) -> Address {
    Address::V4(Ipv4Addr::new(192, 0, 2, last), 4711)
}

fn v6(network: u16, host: u16) -> Address {
    let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
    Address::V6(Box::new(SocketAddrV6::new(ip, 4711, 0, 0)))
}

/// A login with a password that is right or not.
fn login(client_id: &str, username: &str) -> Credentials {
    let password = Some(b"any".as_slice().into());
    Credentials { client_id: client_id.into(), username: Some(username.into()), password }
}

/// One that has just come.
fn look(failures: &Failures, address: &Address, credentials: &Credentials, now_ms: u64) -> Look {
    failures.look(address, credentials, (now_ms, None), now_ms)
}

fn turn(look: Look) -> Turn {
    let Look::Now(Some(turn)) = look else { panic!("{look:?}") };
    turn
}

fn line(look: Look) -> Line {
    let Look::Later(_, line) = look else { panic!("{look:?}") };
    line
}

/// Logins that came in one moment, so all are looked at, and fail.
fn fail(failures: &Failures, address: &Address, username: &str, times: usize, now_ms: u64) {
    let turns: Vec<Turn> = (0..times).map(|_| turn(look(failures, address, &login("", username), now_ms))).collect();
    turns.into_iter().for_each(|turn| failures.add(turn, now_ms));
}

fn come_in(failures: &Failures, client_id: &str, username: &str) {
    let turn = turn(look(failures, &v4(1), &login(client_id, username), 0));
    failures.pass(turn, true);
}

/// How long Ada's gate stays closed when one more fails.
fn delay_ms(failures: &Failures, address: &Address, now_ms: u64) -> u64 {
    let address = failures.address(address).expect("counted");
    let name = failures.hash((address, &login("", "ada").username));
    let [own, _] = failures.limits();
    failures.memory().gates.get(name, now_ms).map_or(0, |gate| gate.delay_ms(own))
}

#[test]
fn delays_grow_with_failures_up_to_what_the_operator_said() {
    let check = |delay_ms_max: u64, expected: &[u64]| {
        let failures = Failures::new(delay_ms_max);
        let any = turn(look(&failures, &v4(1), &login("", "ada"), 0));
        let delays: Vec<u64> = (0..20)
            .map(|_| {
                failures.add(any, 0);
                delay_ms(&failures, &v4(1), 0)
            })
            .collect();
        assert_eq!(delays[..expected.len()], *expected);
        assert_eq!(delays.last(), Some(&delay_ms_max));
        assert_eq!(delay_ms(&failures, &v4(2), 0), 0, "others do not wait");
    };
    check(3_000, &[0, 0, 0, 100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000, 3_000]);
    check(30_000, &[0, 0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
}

#[test]
fn what_happened_is_forgotten() {
    let failures = Failures::new(3_000);
    fail(&failures, &v4(1), "ada", 20, 1_000);
    let delay = |seconds: u64| delay_ms(&failures, &v4(1), 1_000 + seconds * 1_000);
    assert_eq!([delay(29), delay(60), delay(120), delay(180)], [3_000, 800, 200, 0]);
}

/// Four have failed with Ada's name, so each failure costs a tenth of a second or more.
fn four_failures(delay_ms_max: u64) -> Failures {
    let failures = Failures::new(delay_ms_max);
    fail(&failures, &v4(1), "ada", 4, 0);
    failures
}

#[test]
fn logins_of_one_name_are_looked_at_one_after_the_other_and_who_came_first_goes_first() {
    let failures = four_failures(3_000);
    let ada = login("", "ada");
    let first = line(look(&failures, &v4(1), &ada, 10));
    assert_eq!(look(&failures, &v4(1), &ada, 20), Look::Later(100, first));
    turn(look(&failures, &v4(2), &ada, 20));
    assert_eq!(look(&failures, &v4(1), &ada, 100), Look::Later(101, first), "others have come before");
    let guess = turn(failures.look(&v4(1), &ada, (10, Some(first)), 100));
    let again = |now_ms| failures.look(&v4(1), &ada, (20, Some(first)), now_ms);
    assert_eq!(again(100), Look::Later(200, first), "the first one is being looked at");
    failures.add(guess, 150);
    assert_eq!(again(300), Look::Later(350, first), "it has failed");
    turn(again(350));
}

#[test]
fn guesses_that_came_together_ask_again_when_their_check_begins() {
    let failures = Failures::new(3_000);
    let together = [(); 9].map(|()| turn(look(&failures, &v4(1), &login("", "ada"), 0)));
    let other = turn(look(&failures, &v4(1), &login("", "bob"), 0));
    let begins = |now_ms| together.map(|turn| failures.is_still_open(turn, now_ms));
    together[..3].iter().for_each(|turn| failures.add(*turn, 10));
    assert_eq!(begins(10), [true; 9], "mistakes are free");
    failures.add(together[3], 10);
    assert_eq!(begins(10), [false; 9]);
    assert!(failures.is_still_open(other, 10));
    let next = turn(look(&failures, &v4(1), &login("", "ada"), 110));
    failures.add(other, 120);
    assert!(failures.is_still_open(next, 500), "it has waited already");
}

#[test]
fn guesses_at_many_names_that_came_together_ask_again_too() {
    let failures = Failures::new(3_000);
    let guess = |number: u32| turn(look(&failures, &v4(1), &login("", &format!("name{number}")), 0));
    let together: Vec<Turn> = (0..40).map(guess).collect();
    let looked_at = together.iter().filter(|turn| {
        let is_open = failures.is_still_open(**turn, 1);
        is_open.then(|| failures.add(**turn, 1)).is_some()
    });
    assert_eq!(looked_at.count(), 33);
}

#[test]
fn one_that_does_not_fail_costs_the_others_nothing() {
    let failures = four_failures(3_000);
    let good = turn(look(&failures, &v4(1), &login("", "ada"), 100));
    failures.pass(good, true);
    turn(look(&failures, &v4(1), &login("", "ada"), 100));
}

/// Else somebody who may come in could have his guesses looked at in between.
#[test]
fn one_that_does_not_fail_opens_nothing_that_others_have_closed() {
    let failures = Failures::new(3_000);
    let good = turn(look(&failures, &v4(1), &login("", "ada"), 0));
    fail(&failures, &v4(1), "ada", 4, 0);
    failures.pass(good, true);
    line(look(&failures, &v4(1), &login("", "ada"), 50));
}

#[test]
fn a_guesser_keeps_nobody_waiting_who_has_another_name() {
    let failures = Failures::new(3_000);
    fail(&failures, &v4(1), "ada", 20, 0);
    for number in 0..WAITING_MAX {
        line(look(&failures, &v4(1), &login(&format!("guess{number}"), "ada"), 1));
    }
    turn(look(&failures, &v4(1), &login("device", "bob"), 1));
}

/// Also where it is his own name that is guessed at; who guesses in his place waits as well.
#[test]
fn a_client_that_has_been_in_has_a_gate_of_its_own() {
    let failures = Failures::new(3_000);
    come_in(&failures, "device", "ada");
    fail(&failures, &v4(1), "ada", 20, 0);
    line(look(&failures, &v4(1), &login("stranger", "ada"), 1));
    line(look(&failures, &v4(1), &login("", "ada"), 1));
    let guesses = [(); 4].map(|()| turn(look(&failures, &v4(1), &login("device", "ada"), 1)));
    guesses.into_iter().for_each(|guess| failures.add(guess, 1));
    line(look(&failures, &v4(1), &login("device", "ada"), 1));
}

/// Whether it was looked at; it does not wait.
fn guess_once(failures: &Failures, guess: &Credentials, now_ms: u64) -> bool {
    let look = look(failures, &v4(1), guess, now_ms);
    match look {
        Look::Now(turn) => failures.add(turn.expect("counted"), now_ms),
        Look::Later(_, line) => failures.leave(line),
        Look::Never => {}
    }
    matches!(look, Look::Now(_))
}

#[test]
fn many_names_are_no_way_around_the_delay() {
    let failures = Failures::new(3_200);
    let mut guesses = 0;
    for now_ms in (0..32_000).step_by(10) {
        let guess = login("", &format!("name{now_ms}"));
        guesses += u32::from(guess_once(&failures, &guess, now_ms));
    }
    assert!((300..=353).contains(&guesses), "32 for each 3.2 seconds, and 32 at first: {guesses}");
}

/// As long as his is not one of the names that are guessed at, and the guesses do not begin with his.
#[test]
fn who_guesses_at_a_list_of_names_keeps_out_nobody_who_is_not_on_it() {
    let failures = Failures::new(3_200);
    for now_ms in (0..10_000).step_by(2) {
        let guess = login("", &format!("name{}", now_ms % 40));
        guess_once(&failures, &guess, now_ms);
    }
    let device = login("device", "bob");
    let asked = match look(&failures, &v4(1), &device, 10_000) {
        Look::Later(due_ms, line) => failures.look(&v4(1), &device, (10_000, Some(line)), due_ms),
        asked => asked,
    };
    turn(asked);
}

#[test]
fn nobody_waits_longer_than_the_operator_said() {
    let failures = Failures::new(1_000);
    let ada = login("", "ada");
    fail(&failures, &v4(1), "ada", 9, 0);
    let line = line(look(&failures, &v4(1), &ada, 950));
    let again = |now_ms| failures.look(&v4(1), &ada, (950, Some(line)), now_ms);
    fail_again(&failures, 1_000);
    assert_eq!(again(1_900), Look::Later(1_950, line));
    assert_eq!(again(1_950), Look::Never);
}

/// A guess that came before, and is found wrong now.
fn fail_again(failures: &Failures, now_ms: u64) {
    let other = Failures { key: failures.key.clone(), ..Failures::new(failures.delay_ms_max()) };
    failures.add(turn(look(&other, &v4(1), &login("", "ada"), now_ms)), now_ms);
}

#[test]
fn a_line_has_an_end() {
    let failures = four_failures(3_000);
    let ada = login("", "ada");
    let came = || look(&failures, &v4(1), &ada, 0);
    let line = line(came());
    (1..WAITING_MAX).for_each(|_| assert_eq!(came(), Look::Later(100, line)));
    assert_eq!(came(), Look::Never);
    assert_eq!(failures.look(&v4(1), &ada, (0, Some(line)), 50), Look::Later(100, line), "it stands there already");
    failures.leave(line);
    assert_eq!(came(), Look::Later(100, line));
    assert_eq!(came(), Look::Never);
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let failures = Failures::new(3_000);
    let turns = [0, 1, 2, 3].map(|host| turn(look(&failures, &v6(1, host), &login("", "ada"), 0)));
    turns.into_iter().for_each(|turn| failures.add(turn, 0));
    assert_eq!([delay_ms(&failures, &v6(1, 99), 0), delay_ms(&failures, &v6(2, 0), 0)], [100, 0]);
}

#[test]
fn a_crowd_of_addresses_does_not_hide_one_that_failed_often() {
    let failures = Failures::new(3_000);
    fail(&failures, &v4(1), "ada", 8, 0);
    for number in 0..300_000_u32 {
        fail(&failures, &Address::V4(Ipv4Addr::from(number), 1), "ada", 1, 0);
    }
    assert_eq!(delay_ms(&failures, &v4(1), 0), 1_600);
}

#[test]
fn those_who_came_in_last_are_known_longest() {
    let mut clients = Clients::default();
    let client = |number: u64| 1 + number;
    (0..WAYS as u64).for_each(|number| clients.remember(client(number)));
    clients.remember(client(0));
    clients.remember(client(100));
    assert_eq!([0, 1, 2, 100].map(|number| clients.contains(client(number))), [true, false, true, true]);
}

#[test]
fn where_nobody_is_to_wait_nothing_is_remembered() {
    let failures = Failures::default();
    (0..20).for_each(|_| assert_eq!(look(&failures, &v4(1), &login("", "ada"), 0), Look::Now(None)));
    assert!(failures.memory().gates.is_empty());
}
