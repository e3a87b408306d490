//! A table against itself: those of all commands, and one in which there is everything.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use super::completions::Shell;
use super::*;
use crate::COMMANDS;

/// What the flags of the table below set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Options {
    level: u8,
    is_loud: bool,
    names: Vec<String>,
    pairs: Vec<(String, String)>,
}

static TABLE: Table<Options> = Table {
    name: "sample",
    link: Some("mosquitto_sample"),
    summary: "be an example",
    synopsis: &["[-l] FILE", "-q LEVEL FILE"],
    description: "First.\n\n'Second' is here.",
    sections: &[&FIRST, &SECOND],
    rules: &[
        Rule {
            relation: Relation::OnlyOne(&["-l", "--silent"]),
            moment: Moment::AtOnce,
            message: "Error: Only one kind of voice.",
        },
        Rule { relation: Relation::NotBoth("-q", "-l"), moment: Moment::AtTheEnd, message: "Error: -q or -l." },
        Rule { relation: Relation::Needs("-D", &["-q"]), moment: Moment::AtTheEnd, message: "Error: -D needs -q." },
    ],
    operands: &[Operand { name: "FILE", kind: Kind::File, help: "What is read." }],
    statuses: &[("0", "All went well.")],
};

static FIRST: Section<Options> = Section {
    title: "Voice",
    flags: &[
        Flag {
            names: &["-l", "--loud"],
            takes: Takes::Nothing(|options| {
                options.is_loud = true;
                Ok(())
            }),
            repeats: false,
            help: "Be loud: 'it' [always].",
        },
        Flag { names: &["--silent"], takes: Takes::Nothing(|_| Ok(())), repeats: false, help: "Be silent." },
        Flag {
            names: &["-q", "--level"],
            takes: Takes::Word(
                Word {
                    name: "LEVEL",
                    kind: Kind::OneOf(&["0", "1"]),
                    missing: "Error: -q argument given but no level.",
                },
                |options, word| {
                    options.level = lossy(word).parse().map_err(|_| format!("Error: Invalid level {}", lossy(word)))?;
                    Ok(())
                },
            ),
            repeats: false,
            help: "How loud.",
        },
    ],
};

static SECOND: Section<Options> = Section {
    title: "Names",
    flags: &[
        Flag {
            names: &["-n"],
            takes: Takes::Word(
                Word { name: "NAME", kind: Kind::Host, missing: "Error: -n argument given but no name." },
                |options, word| {
                    options.names.push(lossy(word).into_owned());
                    Ok(())
                },
            ),
            repeats: true,
            help: "Whose.",
        },
        Flag {
            names: &["-D"],
            takes: Takes::Words(Word { name: "KEY VALUE", kind: Kind::Text, missing: "" }, |options, words| {
                let mut next = || words.next().map(|word| lossy(word).into_owned());
                options.pairs.push(next().zip(next()).ok_or("Error: -D takes two.")?);
                Ok(())
            }),
            repeats: true,
            help: "A pair.",
        },
        usual::short_help(),
        usual::version(),
    ],
};

/// Reads a line; gives the options, and how many operands there were.
fn read(line: &str) -> Result<(Options, usize), Stop> {
    let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
    let mut reader = Reader::new(&TABLE, Options::default());
    let operands = reader.read_with_plain_operands(&words)?.len();
    Ok((reader.finish()?, operands))
}

#[track_caller]
fn check(line: &str, expected: Result<(Options, usize), &str>) {
    assert_eq!(read(line), expected.map_err(|message| Stop::Wrong(message.to_owned())), "{line}");
}

#[test]
fn words_become_options() {
    let options = Options::default;
    check("", Ok((options(), 0)));
    check("--loud a b", Ok((Options { is_loud: true, ..options() }, 2)));
    check("-q 1 -q 2 -", Ok((Options { level: 2, ..options() }, 1)));
    check("-n -l a -l", Ok((Options { names: vec!["-l".to_owned()], ..options() }, 2)));
    let pairs = vec![("a".to_owned(), "b".to_owned()), ("-q".to_owned(), "d".to_owned())];
    check("-q 0 -D a b -D -q d", Ok((Options { pairs, ..options() }, 0)));
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    check("-q", Err("Error: -q argument given but no level."));
    check("--level x --nonsense", Err("Error: Invalid level x"));
    check("-D a", Err("Error: -D takes two."));
    check("-l --silent -q x", Err("Error: Only one kind of voice."));
    check("-l --loud", Err("Error: Only one kind of voice."));
    check("-l -q 1 -D a", Err("Error: -D takes two."));
    check("-l -q 1", Err("Error: -q or -l."));
    check("-D a b", Err("Error: -D needs -q."));
    assert_eq!(read("-q 1 --help -q x"), Err(Stop::Help));
    assert_eq!(read("--version -z"), Err(Stop::Version));
}

#[test]
fn rules_hold_over_an_options_file_and_the_command_line() {
    let words = |line: &str| -> Vec<OsString> { line.split_whitespace().map(Into::into).collect() };
    let mut reader = Reader::new(&TABLE, Options::default());
    assert_eq!(reader.read(&words("-q 1")), Ok(&[][..]));
    assert_eq!(reader.read(&words("-l")), Ok(&[][..]));
    assert_eq!(reader.finish(), Err(Stop::Wrong("Error: -q or -l.".to_owned())));
}

#[test]
fn an_unknown_flag_is_told_with_what_was_meant() {
    check("-z", Err("Error: Unknown option '-z'."));
    check("--nonsense", Err("Error: Unknown option '--nonsense'."));
    check("-L", Err("Error: Unknown option '-L'.\nDid you mean '-l'?"));
    check("--lout", Err("Error: Unknown option '--lout'.\nDid you mean '--loud'?"));
    check("--leve 1", Err("Error: Unknown option '--leve'.\nDid you mean '--level'?"));
    check("-level 1", Err("Error: Unknown option '-level'.\nDid you mean '--level'?"));
    check("--level=1", Err("Error: Unknown option '--level=1'.\nDid you mean '--level 1'?"));
    check("-q1", Err("Error: Unknown option '-q1'.\nDid you mean '-q 1'?"));
    check("--loud=yes", Err("Error: Unknown option '--loud=yes'."));
    check("-é1", Err("Error: Unknown option '-é1'."));
}

#[test]
fn help_shows_everything() {
    let expected = "\
midge sample - be an example

Usage: midge sample [-l] FILE
       midge sample -q LEVEL FILE

First.

'Second' is here.

 FILE             What is read.

Voice:
 -l, --loud       Be loud: 'it' [always]. Not with --silent or -q.
 --silent         Be silent. Not with -l.
 -q, --level LEVEL
                  How loud. Not with -l.

Names:
 -n NAME          Whose. Can be repeated.
 -D KEY VALUE     A pair. Can be repeated. Needs -q.
 -h, --help       Show this.
 --version        Show the version.

Exit status:
 0                All went well.
";
    assert_eq!(TABLE.page().help("midge sample"), expected);
}

/// The tables of all commands, and the one above.
fn pages() -> Vec<Page> {
    COMMANDS.iter().map(|command| (command.page)()).chain([TABLE.page()]).collect()
}

#[test]
fn names_are_unique_and_well_made() {
    let pages = pages();
    for page in &pages {
        assert_eq!(pages.iter().filter(|other| other.name == page.name).count(), 1);
        assert!(page.link.is_none_or(|link| link == format!("mosquitto_{}", page.name)), "{:?}", page.link);
        let names: Vec<_> = page.flags().flat_map(|flag| flag.names).collect();
        for name in &names {
            let is_short = name.len() == 2 && name.starts_with('-') && **name != "--";
            let is_long = name.len() > 3 && name.starts_with("--");
            assert!(is_short || is_long, "{} {name}", page.name);
            assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{} {name}", page.name);
        }
        for flag in page.flags() {
            assert!(flag.help.ends_with('.'), "{} {}: {}", page.name, flag.names[0], flag.help);
            let others = flag.rivals.iter().chain(&flag.needs);
            assert!(others.clone().all(|other| page.flags().any(|it| it.names[0] == *other)), "{others:?}");
            let is_text = |word: Word| flag.takes_words || word.missing.starts_with("Error: ");
            assert!(flag.word.is_none_or(is_text), "{} {}", page.name, flag.names[0]);
        }
    }
}

#[test]
fn each_flag_is_in_help_manual_and_completions() {
    let pages = pages();
    let scripts = [Shell::Bash, Shell::Zsh, Shell::Fish].map(|shell| shell.script(&pages));
    for page in &pages {
        let (help, manual) = (page.help("x"), manual::page(page));
        for name in page.flags().flat_map(|flag| flag.names) {
            let has_word = |text: &str| text.split([' ', ',', '\n', '"', ')', '[', '\'']).any(|word| word == *name);
            assert!(has_word(&help), "help of {} lacks {name}", page.name);
            let bold = format!("\\fB{}\\fR", name.replace('-', "\\-"));
            assert!(manual.contains(&bold), "manual of {} lacks {name}", page.name);
            assert!(has_word(&scripts[0]), "bash lacks {name}");
            assert!(scripts[1].contains(&format!("{name}[")), "zsh lacks {name}");
            let (kind, plain) = name.strip_prefix("--").map_or(("-s", &name[1..]), |long| ("-l", long));
            let command = match page.link {
                Some(link) => format!("complete -c {link}"),
                None => format!("__fish_seen_subcommand_from {}'", page.name),
            };
            let lines = scripts[2].lines().filter(|line| line.contains(&command));
            assert!(lines.clone().any(|line| line.contains(&format!("{kind} {plain} "))), "fish lacks {name}");
        }
    }
}

#[test]
fn shells_understand_their_scripts() {
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let script = shell.script(&pages());
        let started = Command::new(name).arg("-n").stdin(Stdio::piped()).spawn();
        let Ok(mut child) = started else {
            eprintln!("there is no {name}");
            continue;
        };
        child.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
        assert!(child.wait().expect("ended").success(), "{name}:\n{script}");
    }
}

/// What bash offers for the last of these words.
#[track_caller]
fn check_offer(words: &[&str], expected: &str) {
    let script = Shell::Bash.script(&pages());
    let asked = format!(
        "{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_midge\necho \"${{COMPREPLY[*]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let Ok(output) = Command::new("bash").args(["-c", &asked]).output() else {
        eprintln!("there is no bash");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words:?}");
}

#[test]
fn bash_offers_what_can_stand_there() {
    check_offer(&["midge", "samp"], "sample");
    check_offer(&["midge", "sample", "--l"], "--loud --level");
    check_offer(&["/usr/bin/mosquitto_sample", "--s"], "--silent");
    check_offer(&["mosquitto_sample", "-q", "''"], "0 1");
    check_offer(&["midge", "sample", "-D", "''"], "");
    check_offer(&["midge", "signal", "-a", "con"], "config-reload");
}
