//! Completion for zsh, as calls of `_arguments`.

use crate::flags::{Kind, Operand, Page, PageFlag};

pub(super) fn script(pages: &[Page]) -> String {
    let links = pages.iter().filter_map(|page| page.link).collect::<Vec<_>>().join(" ");
    let named = pages.iter().map(|page| format!("{}:{}", page.name, page.summary));
    let described = named.map(|it| format!("        {}\n", quoted(&it)));
    let described: String = described.collect();
    let functions: String = pages.iter().map(function).collect();
    format!(
        r#"#compdef midge {links}
# Made by `midge completions zsh`.
{functions}
_midge() {{
    local command="${{service#mosquitto_}}"
    local -a commands=(
{described}    )
    if [[ $command == midge ]]; then
        if ((CURRENT == 2)); then
            _describe command commands
            return
        fi
        command="${{words[2]}}"
        shift words
        ((CURRENT--))
    fi
    if (($+functions[_midge_$command])); then
        "_midge_$command"
    else
        _files
    fi
}}

if [[ $funcstack[1] == _midge ]]; then
    _midge "$@"
else
    compdef _midge midge {links}
fi
"#
    )
}

fn function(page: &Page) -> String {
    let flags = page.flags().flat_map(specifications);
    let operands = page.operands.iter().enumerate().map(|(number, it)| operand(number + 1, it));
    let lines: Vec<_> = flags.chain(operands).map(|it| format!("        {}", quoted(&it))).collect();
    format!("\n_midge_{}() {{\n    _arguments \\\n{}\n}}\n", page.name, lines.join(" \\\n"))
}

/// One for each name: `(-c --create -D)-c[what it does]:FILE:_files`.
fn specifications(flag: &PageFlag) -> Vec<String> {
    let excluded: Vec<_> = flag.names.iter().chain(&flag.rivals).copied().collect();
    let before = if flag.repeats { "*".to_owned() } else { format!("({})", excluded.join(" ")) };
    let help = escaped(flag.brief());
    let value = flag.word.map(|word| format!(":{}:{}", word.name, action(word.kind))).unwrap_or_default();
    flag.names.iter().map(|name| format!("{before}{name}[{help}]{value}")).collect()
}

fn operand(number: usize, operand: &Operand) -> String {
    format!("{number}:{}:{}", operand.name, action(operand.kind))
}

fn action(kind: Kind) -> String {
    match kind {
        Kind::Text => " ".to_owned(),
        Kind::File => "_files".to_owned(),
        Kind::Folder => "_files -/".to_owned(),
        Kind::Host => "_hosts".to_owned(),
        Kind::OneOf(words) => format!("({})", words.join(" ")),
    }
}

/// Within brackets, and before a colon.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}

/// As one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
