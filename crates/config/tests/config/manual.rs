//! The manual page, which is made from the table.

use midge_config::{directives, manual};

#[test]
fn the_page_in_the_documents_is_that_of_the_table() {
    let page = include_str!("../../../../docs/mosquitto.conf.md");
    assert!(page == manual(), "docs/mosquitto.conf.md is out of date: cargo xtask manual");
}

#[test]
fn the_page_says_all_there_is_to_know_of_an_option() {
    let page = manual();
    for directive in directives() {
        assert!(page.contains(directive.doc) && page.contains(directive.note), "{}", directive.name);
        assert!(page.contains(directive.reason), "{}", directive.name);
    }
    let expected = "### `max_qos`, `maximum_qos`\n\n\
                    The highest QoS on this listener: a publication above it is refused, a subscription is granted less.\n\n\
                    - Takes a number, at least 0 and at most 2\n\
                    - Default: `2`\n\
                    - Stands below a listener, for that one; above all of them for the default listener\n\
                    - A new value counts when the file is read again (SIGHUP)\n";
    assert!(page.contains(expected), "{page}");
}
