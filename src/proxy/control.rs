//! Takes orders on a Unix socket.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::link::{Link, LinkError};
use crate::model::{LinkRule, Name, RuleId};
use crate::world::links::protocol::{Answer, Request, receive, send};

/// Most clients at a time; more wait in the backlog of the socket.
const CLIENTS: usize = 64;

/// A client that says nothing for so long is let go; so is one that does not take its answer.
const IDLE: Duration = Duration::from_secs(60);

/// The links of one proxy, by name.
pub type Links = BTreeMap<Name, Link>;

/// Serves clients until it is dropped.
pub async fn serve(listener: UnixListener, links: Arc<Links>) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, _)) => {
                let links = links.clone();
                tokio::spawn(async move {
                    // A client that breaks off is its own concern: an order is carried out whole or not at all.
                    let _ = tokio::time::timeout(IDLE, attend(client, &links)).await;
                    drop(place);
                });
            }
            // No file handle left, say. Orders must still be taken once there is one.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn attend(client: UnixStream, links: &Links) -> io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let answer = match receive(&mut client).await {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => answer(links, request).await,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Answer::Failed { why: error.to_string() },
            Err(error) => return Err(error),
        };
        send(&mut client, &answer).await?;
    }
}

async fn answer(links: &Links, request: Request) -> Answer {
    let done = match request {
        Request::Set { link, id, rule } => set(links, &link, id, rule).await,
        // The rules of a drill's own proxy stand as long as it does: they are leased already, if they stand.
        Request::Renew { link, id } => match status(links, &link, id).await {
            Ok(Answer::InForce(_)) => Ok(Answer::Done),
            other => other,
        },
        Request::Remove { link, id } => remove(links, &link, id).await,
        Request::Status { link, id } => status(links, &link, id).await,
    };
    done.unwrap_or_else(|error| Answer::Failed { why: error.to_string() })
}

async fn set(links: &Links, link: &Name, id: RuleId, rule: LinkRule) -> Result<Answer, LinkError> {
    let Some(link) = links.get(link) else { return Ok(Answer::UnknownLink) };
    link.set(id, rule).await.map(|()| Answer::Done)
}

async fn remove(links: &Links, link: &Name, id: RuleId) -> Result<Answer, LinkError> {
    let Some(link) = links.get(link) else { return Ok(Answer::UnknownLink) };
    Ok(if link.remove(id).await? { Answer::Done } else { Answer::Absent })
}

async fn status(links: &Links, link: &Name, id: RuleId) -> Result<Answer, LinkError> {
    let Some(link) = links.get(link) else { return Ok(Answer::UnknownLink) };
    Ok(link.status(id).await?.map_or(Answer::Absent, Answer::InForce))
}
