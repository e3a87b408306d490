//! Debian's `mosquitto_ctrl` and ours, each with a server of its own that is Debian's, are asked the same one after the other, and
//! must say the same. Debian's is 2.0.11; what ours does otherwise, as 2.1 does or on purpose, stands in the table with its reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use midge_testkit::environment::{debian_dynamic_security, debian_program, need, scratch_folder};
use midge_testkit::{Launch, Server};

use crate::ctrl_lines::{GROUPS, Group, Part};
use crate::tool::{ours, run, words};

#[test]
fn ctrl_is_as_debians() {
    let (Some(debians), Some(_)) = (need(debian_program("mosquitto_ctrl")), need(debian_dynamic_security())) else {
        return;
    };
    let theirs = scratch_folder("ctrl-debians");
    let mine = scratch_folder("ctrl-ours");
    run(&debians, &words("dynsec init dynamic-security.json admin secret"), "", &theirs);
    fs::copy(theirs.join("dynamic-security.json"), mine.join("dynamic-security.json")).expect("it was made");
    let ours = ours("mosquitto_ctrl", &mine);
    let (theirs, mine) = thread::scope(|scope| {
        let theirs = scope.spawn(|| Stage::new(&theirs).play(&debians));
        let mine = Stage::new(&mine).play(&ours);
        (theirs.join().expect("it plays"), mine)
    });
    let lines = GROUPS.iter().flat_map(|group| group.lines.iter().map(move |line| (group, *line)));
    let outcomes = theirs.iter().zip(&mine);
    let faults: Vec<_> = lines.zip(outcomes).filter_map(|((group, line), both)| compare(group, line, both)).collect();
    assert!(faults.is_empty(), "{} of {} lines\n\n{}", faults.len(), theirs.len(), faults.join("\n"));
}

/// What a tool has shown.
type Outcome = [(Part, String); 3];

/// A server with the dynamic security plugin, and a home for the tool that asks it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    folder: PathBuf,
}

impl Stage {
    /// In a folder with a `dynamic-security.json` in which `admin` has the password `secret`.
    pub(crate) fn new(folder: &Path) -> Stage {
        let file = |name: &str| folder.join(name).display().to_string();
        let plugin = debian_dynamic_security().expect("it was there before");
        let configuration = format!(
            "allow_anonymous false\nplugin {}\nplugin_opt_config_file {}\nlistener 0 {}\n",
            plugin.display(),
            file("dynamic-security.json"),
            file("socket"),
        );
        let program = debian_program("mosquitto").expect("it was there before");
        let server = Launch::new().program(program).start(&configuration);
        fs::create_dir(folder.join(".config")).expect("a folder");
        let options = format!("# who asks\n-p {}\n\n-u admin\n-P secret\n", server.port());
        fs::write(folder.join(".config/mosquitto_ctrl"), &options).expect("written");
        fs::write(folder.join("other"), options.replace("admin", "nobody")).expect("written");
        Stage { server, folder: folder.to_owned() }
    }

    fn play(&self, program: &Path) -> Vec<Outcome> {
        GROUPS.iter().flat_map(|group| group.lines).map(|line| self.outcome(program, line)).collect()
    }

    fn outcome(&self, program: &Path, line: &str) -> Outcome {
        let port = self.server.port().to_string();
        let (line, input) = line.split_once('<').unwrap_or((line, ""));
        let line = line.replace("PORT", &port);
        let said = run(program, &words(&line), &input.trim_start().replace("\\n", "\n"), &self.folder);
        let plain = |text: &str| masked(text).replace(&port, "PORT");
        [
            (Part::Stdout, plain(&said.stdout)),
            (Part::Stderr, plain(&said.stderr)),
            (Part::Status, format!("{:?}", said.status)),
        ]
    }
}

/// Without blank lines, and without the full stop behind what a server says, which came with 2.1. Where help is to be found is told
/// on standard error, and by Debian's nowhere.
fn masked(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("Use 'mosquitto_ctrl --help'"));
    let lines = lines.map(|line| if line.contains(": Error: ") { line.trim_end_matches('.') } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn compare(group: &Group, line: &str, (theirs, mine): (&Outcome, &Outcome)) -> Option<String> {
    let unexpected = theirs.iter().zip(mine).filter(|((part, theirs), (_, mine))| {
        let is_meant = group.differs.contains(part);
        (theirs != mine) != is_meant
    });
    let told: Vec<String> = unexpected
        .map(|((part, theirs), (_, mine))| match theirs == mine {
            true => format!("{part:?} is the same now:\n{mine}"),
            false => format!("{part:?}, Debian's:\n{theirs}\n{part:?}, ours:\n{mine}"),
        })
        .collect();
    (!told.is_empty()).then(|| format!("{line} # {}\n{}\n", group.why, told.join("\n")))
}
