//! Nobody but the gate makes a permission.

fn forge(generation: consent::Generation) -> consent::Permitted<&'static str> {
    consent::Permitted { item: "event", generation }
}

fn main() {}
