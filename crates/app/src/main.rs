//! tenure: from a table of transactions to a retention decision that can be trusted.
//!
//! This crate owns what the libraries must not know: arguments, terminal, clock, environment and exit codes.

mod cli;
mod error;
mod ui;

use std::process::ExitCode;
use std::time::Instant;

// Many short-lived buffers on several threads: mimalloc spares time and memory against the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[allow(clippy::disallowed_methods, reason = "the clock belongs to this crate; the libraries get it through Ctx")]
    let start = Instant::now();
    std::panic::set_hook(Box::new(error::tell_panic));
    match std::panic::catch_unwind(|| cli::main(start)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            match error.is_broken_pipe() {
                true => ui::run_ends(start.elapsed()),
                false => error.tell(),
            }
            ExitCode::from(error.exit_code())
        }
        Err(_) => ExitCode::from(error::INTERNAL),
    }
}
