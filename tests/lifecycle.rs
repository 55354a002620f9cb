//! Signals, in a process of its own: a signal reaches every test of its process, so this file has one test.
use std::process::{Command, ExitStatus};

use accord::lifecycle::{PATIENCE, Shutdown};

fn kill(signal: &str) -> std::io::Result<ExitStatus> {
    Command::new("kill")
        .args([signal, &std::process::id().to_string()])
        .status()
}

#[tokio::test]
async fn the_first_signal_stops_gently_and_the_second_firmly() {
    let shutdown = Shutdown::new(PATIENCE * 100);
    let stop = shutdown.stop();
    let ended_gently = shutdown
        .supervise(async {
            assert!(!stop.is_requested());
            kill("-TERM").unwrap();
            stop.requested().await;
            kill("-INT").unwrap();
            std::future::pending().await
        })
        .await
        .unwrap();
    assert!(!ended_gently, "the tasks never end by themselves");
    stop.firm().await;
}
