//! Manual pages, in the language of `man(7)`.

use super::page::{Page, PageFlag};

/// The page `midge-NAME.1`.
pub(crate) fn page(page: &Page) -> String {
    let title = format!("midge-{}", page.name);
    let mut text = format!(".TH {} 1 \"\" Midge \"User commands\"\n", escaped(&title).to_uppercase());
    let names = [Some(title.as_str()), page.link].into_iter().flatten().map(escaped);
    text += &format!(".SH NAME\n{} \\- {}\n", names.collect::<Vec<_>>().join(", "), escaped(page.summary));
    text += ".SH SYNOPSIS\n";
    let called = [Some(format!("midge {}", page.name)), page.link.map(str::to_owned)];
    for name in called.iter().flatten() {
        for usage in page.synopsis {
            text += &format!(".B {}\n{}\n.br\n", escaped(name), line(usage));
        }
    }
    if !page.description.is_empty() {
        text += &format!(".SH DESCRIPTION\n{}", paragraphs(page.description));
    }
    for operand in page.operands {
        text += &format!(".TP\n.I {}\n{}", escaped(operand.name), paragraphs(operand.help));
    }
    for section in &page.sections {
        text += &format!(".SH {}\n", line(&section.title.to_uppercase()));
        section.flags.iter().for_each(|it| text += &flag(it));
    }
    if !page.statuses.is_empty() {
        text += ".SH EXIT STATUS\n";
        let status = |(status, what): &(&str, &str)| format!(".TP\n.B {}\n{}", escaped(status), paragraphs(what));
        text.extend(page.statuses.iter().map(status));
    }
    text
}

/// The page of a command under Mosquitto's name for it.
pub(crate) fn link(page: &Page) -> String {
    format!(".so man1/midge-{}.1\n", page.name)
}

fn flag(flag: &PageFlag) -> String {
    let names: Vec<_> = flag.names.iter().map(|name| format!("\\fB{}\\fR", escaped(name))).collect();
    let word = flag.word.map(|word| format!(" \\fI{}\\fR", escaped(word.name))).unwrap_or_default();
    format!(".TP\n{}{word}\n{}", names.join(", "), paragraphs(&flag.text()))
}

fn paragraphs(text: &str) -> String {
    let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| format!("{}\n", line(paragraph))).collect();
    paragraphs.join(".PP\n")
}

/// Text at the beginning of a line, where a dot or an apostrophe would begin a command.
fn line(text: &str) -> String {
    let text = escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// Backslashes and dashes as themselves: a plain dash is a hyphen, which no shell understands. What is not ASCII goes by its
/// number, as there is no telling what takes the page for which encoding.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' => escaped += "\\e",
            '-' => escaped += "\\-",
            character if character.is_ascii() => escaped.push(character),
            character => escaped += &format!("\\[u{:04X}]", u32::from(character)),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_command() {
        assert_eq!(line("-x \\n"), "\\-x \\en");
        assert_eq!(line(".config is\n  a folder"), "\\&.config is a folder");
        assert_eq!(line("'quoted'"), "\\&'quoted'");
        assert_eq!(line("a … 😀"), "a \\[u2026] \\[u1F600]");
    }
}
