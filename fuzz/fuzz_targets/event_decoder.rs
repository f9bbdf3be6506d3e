//! Any text as a body: the decoder answers, and what it accepts is written as JSON that means the same event.
#![no_main]

use event::{Batch, Call, Event, Millis, Received};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(text) = std::str::from_utf8(body) else { return };
    check(Event::parse(text, None).ok());
    for route in Call::ALL {
        check(Event::parse(text, Some(route)).ok());
    }
    if let Ok(batch) = Batch::parse(text) {
        for item in &batch.items {
            check(Event::parse_with(item, None, &batch.defaults).ok());
        }
    }
});

fn check(event: Option<Event<'_>>) {
    let Some(event) = event else { return };
    let received = Received {
        at: Millis(1_795_305_600_000),
        message_id: "assigned",
        sent_at: None,
        ip: Some("203.0.113.0"),
        user_agent: Some("fuzz"),
    };
    let written = event.write(&received);
    // Its grammar, not a tree: half of a surrogate pair, which browsers send as an escape, is JSON and no Rust string.
    serde_json::from_str::<&serde_json::value::RawValue>(&written).expect("what is written is JSON");
    // Enrichment adds up to a kilobyte, so an event of the largest size may not be readable under the limit again.
    if written.len() > event::limits::EVENT_BYTES_MAX {
        return;
    }
    let again = Event::parse(&written, None).expect("what is written can be read");
    assert_eq!(again.call(), event.call());
    assert_eq!(again.name(), event.name());
    assert_eq!(again.user_id(), event.user_id());
    assert_eq!(again.anonymous_id(), event.anonymous_id());
    // An address is cut wherever it stands, in what somebody put beside the preferences too.
    assert_eq!(again.consent(), event.consent().map(event::ip::mask_json).as_deref());
    assert_eq!(again.message_id(), event.message_id().or(Some("assigned")));
}
