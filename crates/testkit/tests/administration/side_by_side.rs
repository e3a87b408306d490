//! Debian's tools and ours are given the same words, and must say the same, end alike and leave the same files.
//!
//! Debian's are those of 2.0.11. Where ours follow a later Mosquitto, or are better on purpose, the line stands in a table of
//! its own with the reason, and has to differ: what does not differ any more has no place there.

use std::fs;
use std::path::Path;

use midge_testkit::environment::{debian_program, need, scratch_folder};

use crate::tool::{Said, ours, run, words};

/// What a tool is given: words, standard input, and the files that are there.
struct Given {
    line: &'static str,
    input: &'static str,
}

const fn line(line: &'static str) -> Given {
    Given { line, input: "" }
}

const fn with_input(line: &'static str, input: &'static str) -> Given {
    Given { line, input }
}

const PASSWD_ALIKE: &[Given] = &[
    // What is missing or wrong.
    line("-c"),
    line("-c f"),
    line("-c -b"),
    line("-c -b new"),
    line("-c -b new ada"),
    line("-b -c new ada"),
    line("-D"),
    line("-D f"),
    line("-D -U"),
    line("-U -D"),
    line("-c -D"),
    line("-D -c new ada"),
    line("-c -U"),
    line("-U -c new"),
    line("-c -U -D"),
    line("-b -D"),
    line("-b -D f ada"),
    line("-U"),
    line("-U f f"),
    line("-H"),
    line("-H md5"),
    line("-H md5 -I 0"),
    line("-I"),
    line("-I 0"),
    line("-I -1"),
    line("-I x"),
    line("-I 0 -H md5"),
    line("-b f a:b x"),
    line("-D f a:b"),
    line("-b f a\u{1}b x"),
    line("-b nowhere ada x"),
    line("-D nowhere ada"),
    line("-U nowhere"),
    line("-b nowhere/f ada x"),
    line("-b link-to-nothing ada x"),
    line("-D f nobody"),
    line("-D empty ada"),
    line("-b corrupt ada x"),
    line("-D corrupt ada"),
    line("-U corrupt"),
    line("nowhere ada"),
    // The password is asked for.
    line("f ada"),
    with_input("f ada", "\n"),
    with_input("f ada", "secret"),
    with_input("f ada", "secret\n\n"),
    with_input("f ada", "secret\nother\n"),
    with_input("-c new ada", "secret\nother\n"),
    with_input("-c new ada", ""),
    // What is done.
    line("-D f ada"),
    line("-D f bob"),
    line("-D link bob"),
    line("-I 101 -U plain"),
    line("-U -H sha512 plain"),
];

/// With the reason why ours is another.
const PASSWD_DIFFERENT: &[(Given, &str)] = &[
    (line(""), "the help text is made from the table of flags"),
    (line("-h"), "the help text"),
    (line("--help"), "the help text"),
    (line("f"), "the help text"),
    (line("-b f ada"), "the help text"),
    (line("-b f ada x y"), "the help text"),
    (line("-x f ada"), "an unknown flag is named, and is no file"),
    (line("-H argon2id -c -b - ada x"), "2.1: there is argon2id"),
    (line("-H sha512 -c -b - ada x"), "2.1: - is standard output, and no file of that name"),
    (line("-c -b f ada x"), "2.1: -c leaves a file alone that exists"),
    (line("-c -b new ada x"), "2.1: what was done is told; and nobody else can read the file"),
    (line("-b f ada x"), "2.1: what was done is told; and a line that is replaced stays where it was"),
    (line("-b f new x"), "2.1: what was done is told"),
    (line("-H sha512 -b f new x"), "2.1: what was done is told"),
    (with_input("f new", "secret\nsecret\n"), "2.1: what was done is told"),
    (line("-b no-password ada x"), "2.0.11 cuts the file off behind the damage, and calls that success"),
    (line("-U plain"), "2.1: 1000 iterations"),
    (line("-U -H sha512 f"), "what is hashed already is not hashed again"),
    (line("-U commented"), "comments and blank lines, which servers pass over, are no damage"),
    (line("-D commented ada"), "comments and blank lines are no damage"),
    (line("-b f '' x"), "no server reads a line without a name"),
    (line("-b f #ada x"), "no server reads that line: it is a comment"),
    (line("-b f ada ''"), "no server lets in who has no password"),
];

#[test]
fn passwd_is_as_debians() {
    let Some(debians) = need(debian_program("mosquitto_passwd")) else { return };
    for given in PASSWD_ALIKE {
        let (theirs, ours) = both(&debians, "mosquitto_passwd", given);
        assert_eq!(ours, theirs, "mosquitto_passwd {} < {:?}", given.line, given.input);
    }
    for (given, reason) in PASSWD_DIFFERENT {
        let (theirs, ours) = both(&debians, "mosquitto_passwd", given);
        assert_ne!(ours, theirs, "mosquitto_passwd {} < {:?}: {reason}", given.line, given.input);
    }
}

/// What Debian's and ours say and leave.
fn both(debians: &Path, name: &str, given: &Given) -> ((Said, Vec<String>), (Said, Vec<String>)) {
    let folder = scratch_folder("passwd-side-by-side");
    let ours = ours(name, &folder);
    let outcome = |program: &Path| {
        let folder = with_files(&folder);
        let said = run(program, &words(given.line), given.input, &folder);
        (masked(&said), files(&folder))
    };
    (outcome(debians), outcome(&ours))
}

/// A folder with one file of each kind.
fn with_files(folder: &Path) -> std::path::PathBuf {
    let folder = folder.join("work");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder");
    let hash = "$7$101$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
    let lines = format!("ada:{hash}\nbob:{hash}\neve:{hash}\n");
    let files = [
        ("f", lines.clone()),
        ("empty", String::new()),
        ("plain", "ada:one\nbob:two words\n".to_owned()),
        ("corrupt", format!("{lines}no colon\n")),
        ("no-password", format!("ada:\n{lines}")),
        ("commented", format!("# who may come in\n\nada:{hash}\nbob:plain\n")),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("written");
    }
    std::os::unix::fs::symlink("f", folder.join("link")).expect("a link");
    std::os::unix::fs::symlink("nowhere", folder.join("link-to-nothing")).expect("a link");
    folder
}

/// All files with their modes and texts.
fn files(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let described = entries.map(|entry| {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let mode = fs::symlink_metadata(&path).expect("metadata").permissions().mode();
        format!("{name} {mode:o}\n{}", without_hashes(&fs::read_to_string(&path).unwrap_or_default()))
    });
    let mut described: Vec<_> = described.collect();
    described.sort();
    described
}

/// Without what chance has made. Empty lines around messages tell nothing, and versions of Mosquitto differ in them.
fn masked(said: &Said) -> Said {
    let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    Said { stdout: without_hashes(&lines(&said.stdout)), stderr: lines(&said.stderr), status: said.status }
}

/// Hashes are cut behind what says how they were made.
fn without_hashes(text: &str) -> String {
    let line = |line: &str| match line.split_once(":$") {
        Some((name, hash)) => {
            let fields: Vec<_> = hash.split('$').collect();
            format!("{name}:{}\n", fields[..fields.len().saturating_sub(2)].join("$"))
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
