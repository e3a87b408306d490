//! Reads the notation of the table; see the head of `main.rs`.

use midge_codec::variable_byte_integer;

/// The bytes that `text` means.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut open: Vec<(char, Vec<u8>)> = vec![('(', Vec::new())];
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match char {
            ' ' | '\n' => {}
            '(' | '[' => open.push((char, Vec::new())),
            ')' | ']' => {
                let (opened_by, content) = open.pop().expect("bracket was opened");
                let out = &mut open.last_mut().expect("bracket was opened").1;
                match (opened_by, char) {
                    ('(', ')') => out.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes()),
                    ('[', ']') => variable_byte_integer::encode(content.len() as u32, out),
                    _ => panic!("brackets do not match in {text}"),
                }
                out.extend_from_slice(&content);
            }
            '\'' => {
                let out = &mut open.last_mut().expect("one is always open").1;
                out.extend(rest.by_ref().take_while(|&char| char != '\'').collect::<String>().as_bytes());
            }
            high => {
                let low = rest.next().expect("hexadecimal digits come in pairs");
                let digit = |char: char| char.to_digit(16).unwrap_or_else(|| panic!("{char:?} in {text}")) as u8;
                open.last_mut().expect("one is always open").1.push(digit(high) << 4 | digit(low));
            }
        }
    }
    assert_eq!(open.len(), 1, "bracket is not closed in {text}");
    open.remove(0).1
}

#[test]
fn notation_means_these_bytes() {
    assert_eq!(bytes("00 ff 0102"), [0x00, 0xFF, 0x01, 0x02]);
    assert_eq!(bytes("'a b'"), *b"a b");
    assert_eq!(bytes("('ab') () [01 ('c')]"), *b"\x00\x02ab\x00\x00\x04\x01\x00\x01c");
    assert_eq!(
        bytes("10 [ ('MQTT') 04 02 003C ('c1') ]"),
        [0x10, 0x0E, 0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3C, 0x00, 0x02, 0x63, 0x31]
    );
}
