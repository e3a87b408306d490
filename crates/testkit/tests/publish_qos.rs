//! PUBLISH and its acknowledgements.

use midge_testkit::check;

#[test]
fn qos_1() {
    check(
        "s connects v5 clean
         s subscribes sensors/+ qos=1
         p connects v311 clean
         p> PUBLISH sensors/1 qos=1 id=7 m=21.5
         p< PUBACK id=7
         s< PUBLISH sensors/1 qos=1 id={first} m=21.5
         s> PUBACK id={first}
         s< nothing",
    );
}
