//! What may be told of a refusal is made by the gate: nobody puts anything else into it.

fn smuggle() -> consent::Told {
    consent::Told { message_id: "m-1".to_owned(), json: r#"{"traits":{"email":"ada@example.com"}}"#.to_owned() }
}

fn main() {}
