//! Signals that end a run.

use super::exit::Exit;
use crate::engine::Canceller;

/// First signal: add nothing more, take back what was done, judge what there is. Second: at once. Third: leave with the
/// exit code that `leave` gives.
pub(super) async fn listen(cancel: Canceller, leave: impl Fn() -> Exit) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut int), Ok(mut term), Ok(mut hup)] = kinds.map(signal) else {
        eprintln!("signals cannot be heard: end this run with `kill -9`; whatever it started ends with it");
        return;
    };
    for count in 1.. {
        let by = tokio::select! {
            _ = int.recv() => "SIGINT",
            _ = term.recv() => "SIGTERM",
            _ = hup.recv() => "SIGHUP",
        };
        if count > 2 {
            std::process::exit(i32::from(leave().code()));
        }
        cancel.more(by);
    }
}
