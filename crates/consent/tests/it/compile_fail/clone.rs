//! A permission is for one attempt: it cannot be copied.

fn keep(permitted: &consent::Permitted<String>) -> consent::Permitted<String> {
    permitted.clone()
}

fn main() {}
