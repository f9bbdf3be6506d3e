//! The binary. Everything is in the library, so that tests can run a server on a disk that fails.

/// The allocator: of the three that were measured the one that gives memory back (`docs/dependencies.md`). How it is set
/// up stands in `.cargo/config.toml`, because setting it here would need unsafe code.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    server::main(std::env::args_os())
}
