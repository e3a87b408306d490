//! Completion for bash, as one function over the words of the line.

use crate::flags::{Kind, Page, PageFlag};

pub(super) fn script(pages: &[Page]) -> String {
    let names = pages.iter().map(|page| page.name).collect::<Vec<_>>().join(" ");
    let links = pages.iter().filter_map(|page| page.link).collect::<Vec<_>>().join(" ");
    let links_as_patterns = links.replace(' ', "|");
    let values: String = pages.iter().map(values).collect();
    let words: String = pages.iter().map(words).collect();
    format!(
        r#"# Made by `midge completions bash`.
_midge() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}" command
    COMPREPLY=()
    command="${{COMP_WORDS[0]##*/}}"
    case "$command" in
        {links_as_patterns}) command="${{command#mosquitto_}}" ;;
        *)
            if ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W "{names}" -- "$current")
                return
            fi
            command="${{COMP_WORDS[1]}}"
            ;;
    esac
    case "$command $previous" in
{values}    esac
    case "$command" in
{words}    esac
}}
complete -o bashdefault -o default -F _midge midge {links}
"#
    )
}

/// What follows a flag. Where the reply stays empty, bash offers files by itself.
fn values(page: &Page) -> String {
    page.flags().filter_map(|flag| Some((flag, flag.word?.kind))).map(|(flag, kind)| value(page, flag, kind)).collect()
}

fn value(page: &Page, flag: &PageFlag, kind: Kind) -> String {
    let patterns: Vec<_> = flag.names.iter().map(|name| format!("\"{} {name}\"", page.name)).collect();
    let reply = match kind {
        Kind::File => "return".to_owned(),
        Kind::Text => "compopt +o bashdefault +o default && return".to_owned(),
        Kind::Folder => reply("-d"),
        Kind::Host => reply("-A hostname"),
        Kind::OneOf(words) => reply(&format!("-W \"{}\"", words.join(" "))),
    };
    format!("        {}) {reply} ;;\n", patterns.join(" | "))
}

fn reply(generator: &str) -> String {
    format!("mapfile -t COMPREPLY < <(compgen {generator} -- \"$current\") && return")
}

/// Flags of the command; and the words that its operands are, for as long as no flag is begun.
fn words(page: &Page) -> String {
    let flags: Vec<_> = page.flags().flat_map(|flag| flag.names).copied().collect();
    let operands: Vec<_> = page.operands.iter().filter_map(|it| words_of(it.kind)).flatten().copied().collect();
    let flags = format!("[[ $current == -* ]] && {}", reply(&format!("-W \"{}\"", flags.join(" "))));
    let operands = match operands.is_empty() {
        true => String::new(),
        false => format!("            {}\n", reply(&format!("-W \"{}\"", operands.join(" ")))),
    };
    format!("        {})\n            {flags}\n{operands}            ;;\n", page.name)
}

fn words_of(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::OneOf(words) => Some(words),
        _ => None,
    }
}
