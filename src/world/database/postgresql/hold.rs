//! What our own sessions hold: connections, a lock, a lock now and then. They end with this process, or with the limits
//! that the server keeps for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_util::task::AbortOnDropHandle;

use super::connect::{Manner, Session, Trouble};
use super::{Postgres, first, lock, quoted};
use crate::safety::{Held, Standing};
use crate::scenario::fault::LockMode;
use crate::world::DriverError;
use crate::world::database::Harm;

/// Time between two looks for connections that clients gave back.
const TOP_UP: Duration = Duration::from_millis(100);

/// Sessions that are opened at one time.
const AT_ONCE: usize = 16;

/// Longest wait for the answer to a statement that waits for nothing.
const MARGIN: Duration = Duration::from_secs(2);

/// What is held from here. Dropped, everything ends.
pub(super) struct Holding {
    _keeper: Option<AbortOnDropHandle<()>>,
    _sessions: Arc<Mutex<Vec<Session>>>,
    /// How many times a table was held.
    pulses: Arc<AtomicU64>,
}

/// Connections that ordinary users have left: all, less those reserved, less those in use.
const FREE: &str = "SELECT (current_setting('max_connections')::int8 \
    - current_setting('superuser_reserved_connections')::int8 \
    - coalesce(current_setting('reserved_connections', true), '0')::int8 \
    - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')), \
    (SELECT count(*) FROM pg_stat_activity WHERE application_name = $1)";

impl Postgres {
    /// Holds what the undo record says.
    pub(super) async fn hold(
        self: &Arc<Self>,
        url: &str,
        tag: &str,
        held: &Held,
        harm: &Harm,
        hold: Duration,
    ) -> Result<(), DriverError> {
        let holding = match (held, harm) {
            (Held::Connections { leave }, Harm::Exhaust { .. }) => {
                self.take_connections(url, tag, *leave, hold).await?
            }
            (Held::Lock { table, mode }, Harm::Lock { wait, .. }) => {
                self.take_lock(url, tag, &statement(table, *mode), *wait, hold).await?
            }
            (Held::Pulses { table }, Harm::Slow { delay, every, .. }) => {
                self.take_turns(url, tag, table, (*delay, *every), hold).await?
            }
            _ => return Err(DriverError::Failed("the undo record does not fit the fault; nothing was done".into())),
        };
        lock(&self.held).insert(tag.to_owned(), holding);
        Ok(())
    }

    async fn take_connections(
        self: &Arc<Self>,
        url: &str,
        tag: &str,
        leave: u32,
        hold: Duration,
    ) -> Result<Holding, DriverError> {
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let manner = Manner::of(tag, &[("idle_session_timeout", hold.as_millis().max(1))]);
        self.top_up(url, &manner, leave, &sessions).await?;
        let (me, url, kept) = (Arc::downgrade(self), url.to_owned(), sessions.clone());
        let end = Instant::now() + hold;
        let keeper = tokio::spawn(async move {
            while Instant::now() < end {
                sleep(TOP_UP).await;
                let Some(me) = me.upgrade() else { return };
                // What fails now is tried again; whether the effect stands is looked at elsewhere.
                let _ = me.top_up(&url, &manner, leave, &kept).await;
            }
        });
        let keeper = Some(AbortOnDropHandle::new(keeper));
        Ok(Holding { _keeper: keeper, _sessions: sessions, pulses: Arc::default() })
    }

    /// Takes the connections that are free but `leave`.
    async fn top_up(
        self: &Arc<Self>,
        url: &str,
        manner: &Manner,
        leave: u32,
        sessions: &Mutex<Vec<Session>>,
    ) -> Result<(), DriverError> {
        let address = self.address(url)?;
        lock(sessions).retain(|session| !session.client.is_closed());
        let rows = self.ask(url, FREE, &[&manner.tag]).await?;
        let free: i64 = first(&rows)?.get(0);
        let mut wanted = usize::try_from(free - i64::from(leave)).unwrap_or(0);
        while wanted > 0 {
            let mut opening = JoinSet::new();
            for _ in 0..wanted.min(AT_ONCE) {
                let (me, address, manner) = (self.clone(), address.clone(), manner.clone());
                opening.spawn(async move { me.open(&address, &manner).await });
            }
            wanted -= opening.len();
            while let Some(opened) = opening.join_next().await {
                match opened {
                    Ok(Ok(session)) => lock(sessions).push(session),
                    // Somebody else was faster: that is as full as it can be.
                    Ok(Err(trouble)) if trouble.is_full() => wanted = 0,
                    Ok(Err(trouble)) => return Err(trouble.told(&address)),
                    Err(e) => return Err(DriverError::Failed(format!("a session was not opened: {e}"))),
                }
            }
        }
        Ok(())
    }

    async fn take_lock(
        &self,
        url: &str,
        tag: &str,
        statement: &str,
        wait: Duration,
        hold: Duration,
    ) -> Result<Holding, DriverError> {
        let address = self.address(url)?;
        let manner = Manner::of(
            tag,
            &[
                ("idle_in_transaction_session_timeout", hold.as_millis().max(1)),
                ("idle_session_timeout", MARGIN.as_millis()),
                ("lock_timeout", wait.as_millis().max(1)),
                ("statement_timeout", (wait + MARGIN).as_millis()),
            ],
        );
        let session = self.open(&address, &manner).await.map_err(|trouble| trouble.told(&address))?;
        let taken = locked(&session, statement, wait + MARGIN).await;
        taken.map_err(|trouble| trouble.told(&address))?;
        Ok(Holding { _keeper: None, _sessions: Arc::new(Mutex::new(vec![session])), pulses: Arc::default() })
    }

    async fn take_turns(
        &self,
        url: &str,
        tag: &str,
        table: &str,
        (delay, every): (Duration, Duration),
        hold: Duration,
    ) -> Result<Holding, DriverError> {
        let address = self.address(url)?;
        let within = |limit: Duration| limit.min(hold).as_millis().max(1);
        let manner = Manner::of(
            tag,
            &[
                // Twice as long as it should take: then this process does not run any more.
                ("idle_in_transaction_session_timeout", within(delay * 2 + MARGIN)),
                ("idle_session_timeout", within(every * 2 + MARGIN)),
                ("lock_timeout", delay.as_millis().max(1)),
                ("statement_timeout", (delay + MARGIN).as_millis()),
            ],
        );
        let session = self.open(&address, &manner).await.map_err(|trouble| trouble.told(&address))?;
        let pulses = Arc::new(AtomicU64::new(0));
        let (counted, statement) = (pulses.clone(), statement(table, LockMode::Everything));
        let end = Instant::now() + hold;
        let keeper = tokio::spawn(async move {
            while Instant::now() < end {
                let next = Instant::now() + every;
                match locked(&session, &statement, delay + MARGIN).await {
                    Ok(()) => {
                        counted.fetch_add(1, Ordering::Relaxed);
                        sleep(delay).await;
                    }
                    // Somebody held the table longer than we may wait: next time.
                    Err(Trouble::Server { code: SqlState::LOCK_NOT_AVAILABLE, .. }) => {}
                    Err(_) => return,
                }
                if session.client.batch_execute("ROLLBACK").await.is_err() {
                    return;
                }
                tokio::time::sleep_until(next).await;
            }
        });
        let keeper = Some(AbortOnDropHandle::new(keeper));
        Ok(Holding { _keeper: keeper, _sessions: Arc::default(), pulses })
    }

    /// Whether what our sessions hold is held right now.
    pub(super) async fn sessions_standing(&self, url: &str, tag: &str, held: &Held) -> Result<Standing, DriverError> {
        let count = match held {
            Held::Connections { leave } => {
                let rows = self.ask(url, FREE, &[&tag]).await?;
                let (free, ours): (i64, i64) = (first(&rows)?.get(0), first(&rows)?.get(1));
                // Clients may have given connections back a moment ago: then it touches nothing for that moment.
                if ours > 0 && free > i64::from(*leave) {
                    return Ok(Standing::InForce { touched: 0 });
                }
                ours
            }
            Held::Lock { table, mode } => {
                let sql = "SELECT count(*), (SELECT count(*) FROM pg_stat_activity WHERE application_name = $1) \
                           FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE application_name = $1 AND granted \
                           AND locktype = 'relation' AND relation = to_regclass($2) AND mode = $3";
                let mode = match mode {
                    LockMode::Everything => "AccessExclusiveLock",
                    LockMode::Writes => "ExclusiveLock",
                };
                let rows = self.ask(url, sql, &[&tag, &quoted(table), &mode]).await?;
                let (locks, sessions): (i64, i64) = (first(&rows)?.get(0), first(&rows)?.get(1));
                // A session that waits for its lock makes others wait, too.
                if locks == 0 && sessions > 0 {
                    return Ok(Standing::InForce { touched: 0 });
                }
                locks
            }
            Held::Pulses { .. } => {
                let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
                let rows = self.ask(url, sql, &[&tag]).await?;
                let sessions: i64 = first(&rows)?.get(0);
                let pulses = lock(&self.held).get(tag).map(|holding| holding.pulses.load(Ordering::Relaxed));
                if let (1.., Some(pulses)) = (sessions, pulses) {
                    return Ok(Standing::InForce { touched: pulses });
                }
                sessions
            }
        };
        let touched = u64::try_from(count).unwrap_or(0);
        Ok(if touched == 0 { Standing::Gone } else { Standing::InForce { touched } })
    }
}

fn statement(table: &str, mode: LockMode) -> String {
    let mode = match mode {
        LockMode::Everything => "ACCESS EXCLUSIVE",
        LockMode::Writes => "EXCLUSIVE",
    };
    format!("BEGIN; LOCK TABLE {} IN {mode} MODE", quoted(table))
}

/// Runs a statement that waits for a lock.
async fn locked(session: &Session, statement: &str, limit: Duration) -> Result<(), Trouble> {
    match tokio::time::timeout(limit, session.client.batch_execute(statement)).await {
        Ok(done) => Ok(done?),
        Err(_) => {
            Err(Trouble::Exchange(crate::world::http::ExchangeFailure::late("the lock was not answered in time")))
        }
    }
}
