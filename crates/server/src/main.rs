//! The binary. Everything is in the library, so that tests can run a server on a disk that fails.

/// The allocator: half the resident memory of the system's under the collector's load, and faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    server::main(std::env::args_os())
}
