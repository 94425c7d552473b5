use super::*;

fn parsed(typed: &[&str]) -> anyhow::Result<Vec<Event>> {
    let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
    parse(&typed, &["RoomChannel".to_owned(), "UserSocket".to_owned()])
}

/// Returns the error and its hint.
fn refused(typed: &[&str]) -> (String, String) {
    let error = parsed(typed).expect_err("the event is refused");
    let hint = error.downcast_ref::<crate::hint::Hinted>().expect("a hint");
    (error.to_string(), hint.hint().to_owned())
}

#[test]
fn fields_have_types() {
    let events = parsed(&["new_msg:body:string,reply_to:int?,type:json", "typing"]).unwrap();
    let [new_msg, typing] = &events[..] else {
        panic!("two events");
    };
    assert_eq!(new_msg.payload.as_deref(), Some("NewMsg"));
    let fields = new_msg.fields.iter();
    let fields: Vec<_> = fields
        .map(|field| (&*field.name, &*field.ident, &*field.rust_type))
        .collect();
    assert_eq!(
        fields,
        [
            ("body", "body", "String"),
            ("reply_to", "reply_to", "Option<i64>"),
            ("type", "r#type", "Value"),
        ]
    );
    assert_eq!((&*typing.name, &typing.payload), ("typing", &None));
}

#[test]
fn bytes_alone_are_a_binary_message() {
    let events = parsed(&["a:data:bytes", "b:data:bytes?", "c:data:bytes,name:string"]).unwrap();
    let binary: Vec<_> = events.iter().map(|event| event.binary).collect();
    assert_eq!(binary, [true, false, false]);
    assert_eq!(events[0].payload, None);
    assert_eq!(events[2].fields[0].rust_type, "Vec<u8>");
}

#[test]
fn a_struct_does_not_hide_a_name_of_the_file() {
    for (typed, payload) in [
        ("info:a:int", "InfoPayload"),
        ("payload:a:int", "PayloadPayload"),
        ("self:a:int", "SelfPayload"),
        ("ok:a:int", "OkPayload"),
        ("user_socket:a:int", "UserSocketPayload"),
        ("move:a:int", "Move"),
    ] {
        let events = parsed(&[typed]).unwrap();
        assert_eq!(events[0].payload.as_deref(), Some(payload), "{typed}");
    }
}

#[test]
fn what_cannot_be_an_event_is_refused() {
    for (typed, message, hint) in [
        ("new-msg", "`new-msg` cannot name an event", "`new_msg`"),
        ("user.typing:a:int", "cannot name", "`user_typing:a:int`"),
        ("newMsg", "cannot name", "`new_msg`"),
        ("9x", "cannot name", "`new_msg`"),
        ("", "`` cannot name an event", "`new_msg`"),
        ("é", "cannot name", "`new_msg`"),
        ("phx_join", "the protocol uses that event", "`my_phx_join`"),
        ("presence_state", "the protocol uses that event", "`my_"),
        ("a:", "`` has no name in the event `a`", "`a:body:string`"),
        ("a:b", "the field `b` has no type", "`a:b:string`"),
        ("a:b:", "the field `b` has no type", "`a:b:string`"),
        (
            "a:b:text",
            "`text` is no type of a field (string,",
            "`a:b:string`",
        ),
        ("a:b:int??", "`int??` is no type", "`a:b:string`"),
        ("a:b:?", "`?` is no type", "`a:b:string`"),
        (
            "a:replyTo:int",
            "`replyTo` cannot name a field",
            "`a:reply_to:int`",
        ),
        (
            "a:self:int",
            "`self` cannot name a field",
            "`a:my_self:int`",
        ),
        ("a:b:int,", "`` has no name", "`a:body:string`"),
        (
            "a:b:int,b:bool",
            "has the field `b` twice",
            "each field once",
        ),
    ] {
        let (said, hinted) = refused(&[typed]);
        assert!(said.contains(message), "{typed}: {said}");
        assert!(hinted.contains(hint), "{typed}: {hinted}");
    }
    assert!(
        refused(&["a", "b", "a:c:int"])
            .0
            .contains("`a` is given twice")
    );
    // Both would be `V2`.
    assert!(refused(&["v2", "v_2"]).0.contains("given twice"));
}
