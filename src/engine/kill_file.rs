//! Kill files: by being there, one ends every drill that knows its path.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::guards::{BLIND_FOR, Trip};
use super::inbox::{Inbox, Input};

/// Time between two looks: the drill is stopped and healed within 1 s, and undo needs most of that.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longest time a look may take; a file system that hangs is one that nobody sees.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Whether a kill file is there. A link that leads nowhere is there, too.
///
/// # Errors
/// When that cannot be seen.
pub fn is_there(file: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(file) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Looks until one of the files is there, or until one could not be seen for as long as any guard may be blind.
pub(super) async fn watch(files: Vec<PathBuf>, inbox: Inbox) {
    let mut seen = Instant::now();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let mut blind = None;
        for file in &files {
            let asked = file.clone();
            let why = match timeout(LOOK_WITHIN, tokio::task::spawn_blocking(move || is_there(&asked))).await {
                Ok(Ok(Ok(false))) => continue,
                Ok(Ok(Ok(true))) => return tell(&inbox, file, "it is there".into()).await,
                Ok(Ok(Err(e))) => e.to_string(),
                Ok(Err(e)) => e.to_string(),
                Err(_) => format!("no answer within {LOOK_WITHIN:?}"),
            };
            blind = Some((file, why));
        }
        match blind {
            Some((file, why)) if seen.elapsed() >= BLIND_FOR => {
                return tell(&inbox, file, format!("it could not be looked for during {BLIND_FOR:?}: {why}")).await;
            }
            Some(_) => {}
            None => seen = Instant::now(),
        }
    }
}

async fn tell(inbox: &Inbox, file: &Path, why: String) {
    let trip = Trip { condition: format!("kill file {}", file.display()), why };
    // The engine outlives whoever watches for it.
    let _ = inbox.send(Input::Trip(trip)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_even_as_a_link_that_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stop");
        assert!(!is_there(&file).unwrap());
        std::os::unix::fs::symlink("nowhere", &file).unwrap();
        assert!(is_there(&file).unwrap());
        assert!(!is_there(&folder.path().join("none/stop")).unwrap(), "a folder that is not there holds no file");
    }

    #[tokio::test]
    async fn a_file_that_appears_trips_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stop");
        let (inbox, mut inputs) = tokio::sync::mpsc::channel(4);
        let watching = tokio::spawn(watch(vec![folder.path().join("other"), file.clone()], inbox));
        std::fs::write(&file, "").unwrap();
        let Some(Input::Trip(trip)) = inputs.recv().await else { panic!("no trip") };
        assert_eq!(trip.condition, format!("kill file {}", file.display()));
        watching.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_cannot_be_looked_for_trips_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (inbox, mut inputs) = tokio::sync::mpsc::channel(4);
        // Below a file there is no directory: an error that is not "not found".
        tokio::spawn(watch(vec![file.join("stop")], inbox));
        let Some(Input::Trip(trip)) = inputs.recv().await else { panic!("no trip") };
        assert!(trip.why.contains("10s"), "{trip:?}");
    }
}
