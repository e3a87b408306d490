//! What `passwd` understands.

use midge_auth::Scheme;

use crate::flags::{Flag, Kind, Moment, Operand, Relation, Rule, Section, Table, Takes, Word, lossy, usual};

/// What its flags say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// `-H`, with the usual numbers.
    scheme: Scheme,
    /// `-I`.
    iterations: Option<u32>,
    /// `-b`: the password is a word of the command line.
    pub(super) is_batch: bool,
    /// `-c`: the file is a new one.
    pub(super) creates: bool,
    /// `-D`: the user goes.
    pub(super) deletes: bool,
    /// `-U`: plain passwords become hashed ones.
    pub(super) updates: bool,
}

impl Options {
    /// How passwords are hashed.
    pub(super) fn scheme(&self) -> Scheme {
        match (self.scheme, self.iterations) {
            (Scheme::Pbkdf2 { .. }, Some(iterations)) => Scheme::Pbkdf2 { iterations },
            (scheme, _) => scheme,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let (is_batch, creates, deletes, updates) = (false, false, false, false);
        Self { scheme: Scheme::PBKDF2, iterations: None, is_batch, creates, deletes, updates }
    }
}

pub(super) static TABLE: Table<Options> = Table {
    name: "passwd",
    link: Some("mosquitto_passwd"),
    summary: "set and remove the passwords of a password file",
    synopsis: &[
        "[-H HASH] [-I COUNT] [-c | -D] FILE USER",
        "[-H HASH] [-I COUNT] [-c] -b FILE USER PASSWORD",
        "[-H HASH] [-I COUNT] -U FILE",
    ],
    description: "Changes the file that a server's password_file names. The file is replaced as a whole, so that a server reads \
                  it as it was or as it is; owner and mode stay. The server takes the change when it reads its configuration \
                  again, as 'midge signal -a config-reload' tells it.",
    sections: &[&FLAGS],
    rules: &[
        Rule {
            relation: Relation::NotBoth("-c", "-D"),
            moment: Moment::AtTheEnd,
            message: "Error: -c and -D cannot be used together.",
        },
        Rule {
            relation: Relation::NotBoth("-c", "-U"),
            moment: Moment::AtTheEnd,
            message: "Error: -c and -U cannot be used together.",
        },
        Rule {
            relation: Relation::NotBoth("-D", "-U"),
            moment: Moment::AtTheEnd,
            message: "Error: -D and -U cannot be used together.",
        },
        Rule {
            relation: Relation::NotBoth("-b", "-D"),
            moment: Moment::AtTheEnd,
            message: "Error: -b and -D cannot be used together.",
        },
    ],
    operands: &[
        Operand { name: "FILE", kind: Kind::File, help: "The password file. With -c, - is standard output." },
        Operand { name: "USER", kind: Kind::Text, help: "The user name. Where it has a password, that is replaced." },
        Operand {
            name: "PASSWORD",
            kind: Kind::Text,
            help: "With -b, the password, which other users of this machine can see. Without -b it is asked for.",
        },
    ],
    statuses: &[
        ("0", "The file is as it was asked for."),
        ("1", "The file could not be changed, or the command line is wrong."),
        ("2", "The passwords that were typed differ."),
    ],
};

static FLAGS: Section<Options> = Section {
    title: "Options",
    flags: &[
        Flag {
            names: &["-b"],
            takes: Takes::Nothing(|options| {
                options.is_batch = true;
                Ok(())
            }),
            repeats: false,
            help: "Take the password from the command line.",
        },
        Flag {
            names: &["-c"],
            takes: Takes::Nothing(|options| {
                options.creates = true;
                Ok(())
            }),
            repeats: false,
            help: "Make a new file, which nobody but you can read. One that exists is left alone, and that is an error.",
        },
        Flag {
            names: &["-D"],
            takes: Takes::Nothing(|options| {
                options.deletes = true;
                Ok(())
            }),
            repeats: false,
            help: "Remove the user.",
        },
        Flag {
            names: &["-H"],
            takes: Takes::Word(
                Word {
                    name: "HASH",
                    kind: Kind::OneOf(&["argon2id", "sha512-pbkdf2", "sha512"]),
                    missing: "Error: -H argument given but not enough other arguments.",
                },
                |options, word| {
                    options.scheme = match &*lossy(word) {
                        "argon2id" => Scheme::ARGON2ID,
                        "sha512-pbkdf2" => Scheme::PBKDF2,
                        "sha512" => Scheme::Sha512,
                        unknown => return Err(format!("Error: Unknown hash type '{unknown}'")),
                    };
                    Ok(())
                },
            ),
            repeats: false,
            help: "Hash in this way. argon2id costs who guesses the most, and Mosquitto reads it from 2.1 on; sha512-pbkdf2 is the \
                   default, and read since 1.6; sha512 is what older ones read, and costs nobody anything.",
        },
        Flag {
            names: &["-I"],
            takes: Takes::Word(
                Word {
                    name: "COUNT",
                    kind: Kind::Text,
                    missing: "Error: -I argument given but not enough other arguments.",
                },
                |options, word| {
                    let count = lossy(word).parse().ok().filter(|count| *count > 0 && *count <= i32::MAX as u32);
                    options.iterations = Some(count.ok_or("Error: Number of iterations must be > 0.")?);
                    Ok(())
                },
            ),
            repeats: false,
            help: "Let sha512-pbkdf2 hash as many times. It is 1000 where nothing is said; the server does it for each CONNECT.",
        },
        Flag {
            names: &["-U"],
            takes: Takes::Nothing(|options| {
                options.updates = true;
                Ok(())
            }),
            repeats: false,
            help: "Hash the plain passwords of a file. Those that are hashed stay as they are.",
        },
        usual::short_help(),
        usual::version(),
    ],
};
