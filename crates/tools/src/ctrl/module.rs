//! What a server can be asked for: modules with their commands, as tables from which requests, help and completion are made.

use crate::flags::{COLUMNS, closest, entry, section, wrapped};

/// A module: it answers on topics of its own.
#[derive(Debug)]
pub(super) struct Module {
    /// Its word on the command line.
    pub(super) name: &'static str,
    /// Where requests go. Answers come on the same topic with `/response` behind it.
    pub(super) topic: &'static str,
    /// What a server needs that does not answer, as the end of a sentence.
    pub(super) remedy: &'static str,
    /// What it is for, in a sentence.
    pub(super) summary: &'static str,
    /// Commands that belong together, each group with its heading.
    pub(super) groups: &'static [(&'static str, &'static [Command])],
}

/// Something that a module can be asked for.
#[derive(Debug)]
pub(super) struct Command {
    /// Its word on the command line, and in the request.
    pub(super) name: &'static str,
    /// What stands behind it, those that must be there first.
    pub(super) arguments: &'static [Argument],
    /// The member of the request that is a list with one object, in which the arguments stand. `None`: they stand beside the name.
    pub(super) list: Option<&'static str>,
    /// What it does, in sentences.
    pub(super) help: &'static str,
}

/// What stands behind a command.
#[derive(Debug)]
pub(super) struct Argument {
    /// The member of the request in which it goes to the server.
    pub(super) member: &'static str,
    /// How it is called in help texts.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// What an argument is: how it is checked and completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The name of one that the server has.
    Name(Names),
    /// Anything.
    Text,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    /// `allow` or `deny`, which the request has as true and false.
    Access,
    /// A number; those with a larger one count first.
    Priority,
    /// How many, or how many are left out. Nothing is sent for 0.
    Count,
    /// A password, which is asked for where it is missing.
    Password(Without),
}

/// What names are of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Names {
    Clients,
    Groups,
    Roles,
}

/// Whether there can be no password at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Without {
    /// A client without one cannot log in.
    Allowed,
    Refused,
}

/// How an argument is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Required,
    Optional,
    /// Behind one of these flags, or not at all.
    Flag(&'static [&'static str]),
}

impl Module {
    pub(super) fn commands(&self) -> impl Iterator<Item = &'static Command> {
        self.groups.iter().flat_map(|(_, commands)| commands.iter())
    }

    /// The one that is called so, in any case.
    pub(super) fn command(&self, name: &str) -> Option<&'static Command> {
        self.commands().find(|command| command.name.eq_ignore_ascii_case(name))
    }

    /// What may have been meant by a word that is no command, as a line behind the message.
    pub(super) fn hint(&self, word: &str) -> String {
        let nearest = closest(word, self.commands().map(|command| command.name));
        nearest.map(|name| format!("\nDid you mean '{name}'?")).unwrap_or_default()
    }

    /// Where answers come.
    pub(super) fn response_topic(&self) -> String {
        format!("{}/response", self.topic)
    }

    /// What is told about its commands.
    pub(super) fn help(&self) -> String {
        let mut text = wrapped(self.summary, COLUMNS, "");
        for (title, commands) in self.groups {
            text += &section(title, commands.iter().map(|command| entry(&command.usage(), command.help)));
        }
        text
    }
}

impl Command {
    /// How it is written: `addGroupRole GROUP ROLE [PRIORITY]`.
    pub(super) fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for argument in self.arguments {
            usage += &match argument.place {
                Place::Required => format!(" {}", argument.name),
                Place::Optional => format!(" [{}]", argument.name),
                Place::Flag(flags) => format!(" [{} {}]", flags[0], argument.name),
            };
        }
        usage
    }
}
