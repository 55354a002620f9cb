//! The `accord` command; everything is in the library.
fn main() -> std::process::ExitCode {
    accord::cli::main()
}
