//! What was written is read again, whole and cut off anywhere.

use std::io::Cursor;

use midge_codec::{PropertiesBuf, Property};

use super::*;

fn origin() -> Origin {
    let filters = vec!["a/#".to_owned(), "Grüße".to_owned()];
    Origin { start_us: 1_700_000_000_000_001, server: "localhost:1883".to_owned(), filters }
}

fn entries() -> Vec<Entry> {
    let mut properties = PropertiesBuf::new();
    properties
        .push(Property::PayloadFormatIndicator(1))
        .push(Property::MessageExpiryInterval(7))
        .push(Property::ContentType("text/plain"))
        .push(Property::ResponseTopic("answers"))
        .push(Property::CorrelationData(b"\xff\x00"))
        .push(Property::UserProperty("k", "\"v\""))
        .push(Property::UserProperty("k", "w"));
    let message = |time_us, qos, retain, properties: &[u8], payload: &[u8]| Entry::Message {
        time_us,
        message: Recorded {
            topic: "a/b\"c".to_owned(),
            qos,
            retain,
            properties: properties.to_vec(),
            payload: payload.to_vec(),
        },
    };
    vec![
        message(0, QoS::AtMostOnce, false, &[], b""),
        message(1, QoS::AtLeastOnce, true, properties.as_properties().raw(), b"text\n\x00"),
        Entry::Gap { time_us: 5_000_000, lasted_us: 1_500_000 },
        message(5_000_001, QoS::ExactlyOnce, false, &[], b"\xff\xfe"),
        Entry::End { time_us: 9_999_999_999 },
    ]
}

fn written(form: Form) -> Vec<u8> {
    let mut file = Vec::new();
    form.push_origin(&origin(), &mut file);
    entries().iter().for_each(|entry| form.push(entry, &mut file));
    file
}

/// All entries, and why there are no more.
fn read(file: &[u8]) -> Result<(Vec<Entry>, Option<Trouble>), String> {
    let mut reader = Reader::new(Box::new(Cursor::new(file.to_vec())))?;
    let mut entries = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => return Ok((entries, None)),
            Err(trouble) => return Ok((entries, Some(trouble))),
        }
    }
}

#[test]
fn what_was_written_is_read() {
    for form in [Form::Binary, Form::Lines] {
        let file = written(form);
        assert_eq!(read(&file), Ok((entries(), None)));
        let mut reader = Reader::new(Box::new(Cursor::new(file))).unwrap();
        reader.next().unwrap();
        assert_eq!(reader.origin(), &origin());
    }
}

#[test]
fn a_file_that_was_cut_off_is_good_up_to_the_cut() {
    for form in [Form::Binary, Form::Lines] {
        let file = written(form);
        let all = entries();
        let mut most = 0;
        for length in 0..file.len() {
            let Ok((entries, trouble)) = read(&file[..length]) else {
                assert!(most == 0, "{form:?} {length}");
                continue;
            };
            assert_eq!(entries, all[..entries.len()], "{form:?} {length}");
            assert!(entries.len() >= most && matches!(trouble, None | Some(Trouble::Cut(_))), "{form:?} {length}");
            most = entries.len();
        }
        // Lines are whole without the end of the last one.
        assert!(most >= all.len() - 1);
    }
}

#[test]
fn a_byte_that_is_another_is_noticed() {
    let file = written(Form::Binary);
    for at in 10..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        let (entries, trouble) = read(&damaged).unwrap();
        assert!(entries.len() < self::entries().len() && trouble.is_some(), "{at}");
    }
    let said = read(b"{\"topic\":\"a\"}\n{\"topic\":\"a\",\"qos\":3}\n").unwrap().1;
    assert_eq!(said, Some(Trouble::Damaged("line 2 has a 'qos' that is not 0, 1 or 2".to_owned())));
}

#[test]
fn lines_may_be_written_by_people() {
    let (entries, trouble) =
        read(b"\n{\"topic\":\"a\",\"payload\":{\"t\":1.50}}\n\n{\"time\":2,\"topic\":\"b\"}").unwrap();
    assert_eq!((entries.len(), trouble), (2, None));
    let Entry::Message { message, .. } = &entries[0] else { panic!("{entries:?}") };
    assert_eq!((&*message.topic, &*message.payload), ("a", &b"{\"t\":1.5}"[..]));
    assert_eq!(entries[1].time_us(), 2_000_000);
}

#[test]
fn what_is_no_recording_is_told() {
    let check = |file: &[u8], expected: &str| assert!(read(file).unwrap_err().contains(expected), "{file:?}");
    check(b"hello\n", "it is no recording");
    check(b"midge", "it is no recording");
    check(b"midgerec\x00\x02", "a later version");
    check(b"{\"midge-recording\":2}\n", "version 2");
}
