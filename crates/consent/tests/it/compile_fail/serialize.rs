//! A permission cannot be stored for later.

fn main() {
    fn stores<T: serde::Serialize>() {}
    stores::<consent::Permitted<String>>();
}
