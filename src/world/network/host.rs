//! The driver of this machine's networks.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::sync::OnceCell;

use super::answer::{self, Answering};
use super::keeper::{Order, Role};
use super::namespace::{self, Entry};
use super::rules::{self, Ports};
use super::shape::{self, Root};
use super::tool::{self, Said};
use super::{NetworkEffect, Networks, Shape, probe, queue};
use crate::model::{HumanDuration, NetworkSpace, ProcessId};
use crate::safety::{Licence, NetworkTrace, NetworkUndo, Reverted, Standing, this_process};
use crate::world::DriverError;

/// Longest time for a keeper to be ready.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Networks of this machine, by `nft`, `tc` and `iptables`.
pub struct HostNetworks {
    program: PathBuf,
    /// The keepers of faults that this process injected: dropping one breaks its lease.
    keepers: Mutex<HashMap<String, Keeper>>,
    netem: OnceCell<Result<(), DriverError>>,
    queue: OnceCell<Result<(), DriverError>>,
}

struct Keeper {
    /// Held, never written: its end is the end of the lease.
    _lease: tokio::process::ChildStdin,
    /// What it says it touched; none when only the kernel counts.
    touched: Option<Arc<AtomicU64>>,
}

impl HostNetworks {
    /// A driver that starts keepers from `program`, the file of this very binary.
    pub fn new(program: PathBuf) -> Self {
        HostNetworks { program, keepers: Mutex::default(), netem: OnceCell::new(), queue: OnceCell::new() }
    }

    fn keepers(&self) -> MutexGuard<'_, HashMap<String, Keeper>> {
        // Each holder changes the map in one statement, so a panic elsewhere leaves it whole.
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the keeper of an effect, and waits for its first word; the words after `ready`.
    async fn keep(&self, entry: &Entry, undo: &NetworkUndo, role: Role) -> Result<String, DriverError> {
        let counts = matches!(role, Role::Answer(_));
        let failed = |what: &str| DriverError::Failed(format!("the keeper of {undo} {what}"));
        let mut child = tool::start(entry, &self.program, "network-keeper").await?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("has no pipes"));
        };
        // Collected for good at its end, however long that takes.
        let collect = std::thread::Builder::new().name("network-keeper".into()).spawn(move || child.wait());
        collect.map_err(|e| failed(&format!("cannot be waited for: {e}")))?;
        let (mut lease, mut lines) = pipes(stdin, stdout).map_err(|e| failed(&format!("has no pipes: {e}")))?;
        let mut order = serde_json::to_vec(&Order { undo: undo.clone(), role }).map_err(|e| failed(&e.to_string()))?;
        order.push(b'\n');
        let talk = async {
            lease.write_all(&order).await?;
            lines.next_line().await
        };
        let word = match tokio::time::timeout(READY_WITHIN, talk).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Err(failed("ended at once")),
            Ok(Err(e)) => return Err(failed(&format!("could not be told what to do: {e}"))),
            Err(_) => return Err(failed("was not ready in time")),
        };
        let Some(rest) = word.strip_prefix("ready") else {
            return Err(failed(&format!("said: {}", word.trim_start_matches("failed "))));
        };
        let touched = counts.then(|| count(lines));
        self.keepers().insert(key(undo), Keeper { _lease: lease, touched });
        Ok(rest.trim().to_owned())
    }

    async fn has_netem(&self) -> Result<(), DriverError> {
        self.netem.get_or_init(|| blocking(probe::netem)).await.clone()
    }

    async fn has_queue(&self) -> Result<(), DriverError> {
        self.queue.get_or_init(|| blocking(probe::queue)).await.clone()
    }

    /// Netem where the kernel has it; a queue where only latency is asked; otherwise the reason why not.
    async fn mechanism(&self, how: &Shape) -> Result<Mechanism, DriverError> {
        if !shape::needs_netem(how) {
            return Ok(Mechanism::Qdisc);
        }
        let Err(no_netem) = self.has_netem().await else { return Ok(Mechanism::Qdisc) };
        let no_queue = match how {
            Shape::Delay { .. } => match self.has_queue().await {
                Ok(()) => return Ok(Mechanism::Queue),
                Err(e) => format!(", and packets cannot be led to a queue in user space instead ({e})"),
            },
            _ => String::new(),
        };
        Err(DriverError::Refused(format!(
            "this needs netem, which this machine cannot do ({no_netem}){no_queue}: load the kernel module sch_netem \
             (Debian: in every kernel image; Fedora and RHEL: kernel-modules-extra), or use the faults of a proxy link"
        )))
    }

    async fn devices(&self, entry: &Entry, only: Option<&str>) -> Result<Vec<shape::Device>, DriverError> {
        let listing = tool::run(entry, &["ip", "-o", "link", "show", "up"], "").await?;
        let mut devices = shape::devices(&listing.done("ip link show")?);
        if let Some(only) = only {
            devices.retain(|device| device.name == only);
        }
        match (devices.is_empty(), only) {
            (false, _) => Ok(devices),
            (true, Some(only)) => Err(DriverError::NotFound(format!("there is no device {only} that is up"))),
            (true, None) => Err(DriverError::NotFound("there is no device that is up, loopback excepted".into())),
        }
    }

    async fn prepare_shape(
        &self,
        entry: &Entry,
        tag: &str,
        device: Option<&str>,
        how: &Shape,
    ) -> Result<Vec<NetworkTrace>, DriverError> {
        let devices = self.devices(entry, device).await?;
        if let Mechanism::Queue = self.mechanism(how).await? {
            return Ok(vec![prepare_queue(entry).await?]);
        }
        let handle = shape::handle(tag);
        for device in &devices {
            let said = tool::run(entry, &["tc", "-s", "qdisc", "show", "dev", &device.name], "").await?;
            if let Root::Foreign(theirs) = shape::root(&said.done("tc qdisc show")?, &handle) {
                let name = &device.name;
                return Err(DriverError::Refused(format!(
                    "device {name} has a root queueing discipline already ({theirs}), and not by this drill: it would be \
                     lost; remove it (tc qdisc del dev {name} root), or name another `device`"
                )));
            }
        }
        let qdisc = |device: shape::Device| NetworkTrace::Qdisc { device: device.name, handle: handle.clone() };
        Ok(devices.into_iter().map(qdisc).collect())
    }

    async fn add_table(&self, entry: &Entry, undo: &NetworkUndo, effect: &NetworkEffect) -> Result<(), DriverError> {
        let (lease, ports) = match effect {
            NetworkEffect::Renamed(names) => (answer::LEASE, self.answer(entry, undo, names).await?),
            _ => (undo.expires.get(), Ports::default()),
        };
        let Some(script) = rules::script(&undo.tag, effect, lease, ports) else {
            return Err(mismatch(undo));
        };
        tool::run(entry, &["nft", "-f", "-"], &script).await?.done("nft").map(|_| ())
    }

    async fn answer(
        &self,
        entry: &Entry,
        undo: &NetworkUndo,
        names: &BTreeMap<String, IpAddr>,
    ) -> Result<Ports, DriverError> {
        let names = names.iter().map(|(name, to)| (name.trim_end_matches('.').to_ascii_lowercase(), *to)).collect();
        let server = resolver(&undo.space).await?;
        let words = self.keep(entry, undo, Role::Answer(Answering { names, server })).await?;
        let mut ports = words.split(' ').map(str::parse::<u16>);
        match (ports.next(), ports.next()) {
            (Some(Ok(answer)), Some(Ok(ask))) => Ok(Ports { answer, ask }),
            _ => Err(DriverError::Failed(format!("the keeper of {undo} said no ports: {words}"))),
        }
    }

    async fn add_qdisc(&self, entry: &Entry, undo: &NetworkUndo, how: &Shape) -> Result<(), DriverError> {
        let NetworkTrace::Qdisc { device, handle } = &undo.trace else { return Err(mismatch(undo)) };
        let devices = self.devices(entry, Some(device)).await?;
        // First the keeper: the shaper must not be there without.
        self.keep(entry, undo, Role::Reap).await?;
        for device in &devices {
            let words = shape::add(device, handle, how);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            tool::run(entry, &words, "").await?.done("tc qdisc add")?;
        }
        Ok(())
    }

    async fn add_queue(
        &self,
        entry: &Entry,
        undo: &NetworkUndo,
        device: Option<&str>,
        how: &Shape,
    ) -> Result<(), DriverError> {
        let (NetworkTrace::Queue { number, .. }, Shape::Delay { latency, jitter }) = (&undo.trace, how) else {
            return Err(mismatch(undo));
        };
        self.keep(entry, undo, Role::Delay { latency: *latency, jitter: *jitter }).await?;
        for (tool_name, family) in queue::TOOLS {
            let words = queue::insert(tool_name, device, &undo.tag, *number);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let said = tool::run(entry, &words, "").await;
            match said.and_then(|said| said.done(tool_name)) {
                // A machine without IPv6 has no packets of it that would be late.
                Ok(_) => {}
                Err(e) if family == "ip" => return Err(e),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

enum Mechanism {
    Qdisc,
    Queue,
}

fn key(undo: &NetworkUndo) -> String {
    format!("{} {} {:?}", undo.space.inode, undo.tag, undo.trace)
}

fn mismatch(undo: &NetworkUndo) -> DriverError {
    DriverError::Failed(format!("the undo record of {undo} is not one of this fault; nothing was done"))
}

async fn blocking(work: fn() -> Result<(), DriverError>) -> Result<(), DriverError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(DriverError::Failed(format!("a look at the kernel broke off: {e}"))))
}

type KeeperPipes = (tokio::process::ChildStdin, Lines<BufReader<tokio::process::ChildStdout>>);

fn pipes(stdin: ChildStdin, stdout: ChildStdout) -> std::io::Result<KeeperPipes> {
    let lines = BufReader::new(tokio::process::ChildStdout::from_std(stdout)?).lines();
    Ok((tokio::process::ChildStdin::from_std(stdin)?, lines))
}

/// Follows what a keeper says it touched.
fn count(mut lines: Lines<BufReader<tokio::process::ChildStdout>>) -> Arc<AtomicU64> {
    let touched = Arc::new(AtomicU64::new(0));
    let told = touched.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(Ok(n)) = line.strip_prefix("touched ").map(str::parse) {
                told.store(n, Ordering::Relaxed);
            }
        }
    });
    touched
}

/// The resolver that a namespace's processes ask, by the file system that they see.
async fn resolver(space: &NetworkSpace) -> Result<IpAddr, DriverError> {
    let path = match space.own {
        true => "/etc/resolv.conf".to_owned(),
        false => format!("/proc/{}/root/etc/resolv.conf", space.process.pid),
    };
    let text = tokio::fs::read_to_string(&path).await;
    let text = text.map_err(|e| DriverError::Failed(format!("cannot read which resolver is asked: {path}: {e}")))?;
    Ok(answer::server(&text).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)))
}

/// A queue that nobody attends, and what iptables has in that namespace already.
async fn prepare_queue(entry: &Entry) -> Result<NetworkTrace, DriverError> {
    let taken = attended(entry).await?;
    let number = (20_000..20_999).find(|number| !taken.contains(number));
    let number = number.ok_or_else(|| DriverError::Refused("every queue from 20000 to 20998 is taken".into()))?;
    // Without nft there is no trace of iptables that it could show, and none to tidy.
    let tables = tool::run(entry, &["nft", "list", "tables"], "").await.map_or(String::new(), |said| said.out);
    let had = |family: &str| tables.lines().any(|line| line == format!("table {family} mangle"));
    Ok(NetworkTrace::Queue { number, had_ipv4: had("ip"), had_ipv6: had("ip6") })
}

/// The queues of a namespace that somebody attends. The list belongs to the namespace of the process that reads it.
async fn attended(entry: &Entry) -> Result<Vec<u16>, DriverError> {
    let said = tool::run(entry, &["cat", "/proc/self/net/netfilter/nfnetlink_queue"], "").await?;
    Ok(queue::attended(&said.out))
}

/// The way in; none when the namespace is gone.
async fn find(space: &NetworkSpace) -> Result<Option<Entry>, DriverError> {
    let space = space.clone();
    // A look at every process of a machine takes a while.
    let found = tokio::task::spawn_blocking(move || namespace::find(&space)).await;
    found.map_err(|e| DriverError::Failed(format!("the search for a network namespace broke off: {e}")))?
}

async fn entry(space: &NetworkSpace) -> Result<Entry, DriverError> {
    find(space).await?.ok_or_else(|| DriverError::NotFound(format!("{space} is gone")))
}

/// The table as `nft` lists it; none when there is none.
async fn table(entry: &Entry, family: &str, name: &str) -> Result<Option<String>, DriverError> {
    let said = tool::run(entry, &["nft", "list", "table", family, name], "").await?;
    match said.ok {
        true => Ok(Some(said.out)),
        false if is_missing(&said) => Ok(None),
        false => Err(said.failed("nft list table")),
    }
}

fn is_missing(said: &Said) -> bool {
    ["No such file or directory", "Cannot find device", "Invalid handle"].iter().any(|word| said.err.contains(word))
}

async fn root(entry: &Entry, device: &str, handle: &str) -> Result<Root, DriverError> {
    let said = tool::run(entry, &["tc", "-s", "qdisc", "show", "dev", device], "").await?;
    match said.ok {
        true => Ok(shape::root(&said.out, handle)),
        false if is_missing(&said) => Ok(Root::Usual),
        false => Err(said.failed("tc qdisc show")),
    }
}

/// Our rules that lead to a queue: for each, how many packets it met and the words that delete it.
async fn queued(entry: &Entry, tag: &str) -> Result<Vec<(u64, Vec<String>)>, DriverError> {
    let mut found = Vec::new();
    for (name, family) in queue::TOOLS {
        let said = match tool::run(entry, &queue::list(name), "").await {
            Ok(said) => said,
            // Without the tool there was no rule of that family.
            Err(DriverError::Refused(_)) if family != "ip" => continue,
            Err(e) => return Err(e),
        };
        match said.ok {
            true => found.extend(queue::ours(name, &said.out, tag)),
            false if family == "ip" => return Err(said.failed("iptables -S")),
            false => {}
        }
    }
    Ok(found)
}

async fn revert_queue(entry: &Entry, undo: &NetworkUndo, had: [bool; 2]) -> Result<Reverted, DriverError> {
    let found = queued(entry, &undo.tag).await?;
    for (_, words) in &found {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = tool::run(entry, &words, "").await?;
        // Another undo was faster, perhaps: the look below decides.
        let _ = said.ok;
    }
    if !found.is_empty() && !queued(entry, &undo.tag).await?.is_empty() {
        return Err(DriverError::Failed(format!("iptables did not delete the rules of {}", undo.tag)));
    }
    for ((_, family), had) in queue::TOOLS.into_iter().zip(had) {
        // Empty, it does nothing; it goes so that the namespace is as it was.
        if !had
            && let Ok(Some(listing)) = table(entry, family, "mangle").await
            && let Some(script) = queue::tidy(family, &listing)
        {
            let _ = tool::run(entry, &["nft", "-f", "-"], &script).await;
        }
    }
    Ok(if found.is_empty() { Reverted::AlreadyBack } else { Reverted::Restored })
}

#[async_trait]
impl Networks for HostNetworks {
    async fn space(&self, process: ProcessId) -> Result<NetworkSpace, DriverError> {
        namespace::of(process)
    }

    async fn own(&self) -> Result<NetworkSpace, DriverError> {
        let me = this_process().map_err(|e| DriverError::Failed(format!("this process is not in /proc: {e}")))?;
        namespace::of(me)
    }

    async fn addresses(&self, space: &NetworkSpace) -> Result<Vec<IpAddr>, DriverError> {
        let said = tool::run(&entry(space).await?, &["ip", "-o", "addr", "show", "scope", "global"], "").await?;
        let listing = said.done("ip addr show")?;
        let address = |line: &str| {
            let mut words = line.split_ascii_whitespace().skip_while(|word| !["inet", "inet6"].contains(word));
            words.nth(1)?.split('/').next()?.parse().ok()
        };
        let found: Vec<IpAddr> = listing.lines().filter_map(address).collect();
        match found.is_empty() {
            true => Err(DriverError::NotFound(format!("{space} has no address"))),
            false => Ok(found),
        }
    }

    async fn prepare(
        &self,
        space: &NetworkSpace,
        tag: &str,
        effect: &NetworkEffect,
        expires: HumanDuration,
    ) -> Result<Vec<NetworkUndo>, DriverError> {
        let entry = entry(space).await?;
        let traces = match effect {
            NetworkEffect::Shape { device, how } => self.prepare_shape(&entry, tag, device.as_deref(), how).await?,
            _ => {
                // Asks for the right and the tool; a name that is taken already would be a bug.
                if table(&entry, "inet", tag).await?.is_some() {
                    return Err(DriverError::Refused(format!("a table {tag} stands in {space} already")));
                }
                if let NetworkEffect::Renamed(_) = effect {
                    resolver(space).await?;
                }
                vec![NetworkTrace::Table {}]
            }
        };
        let undo = |trace| NetworkUndo { space: space.clone(), tag: tag.into(), trace, expires, peers: Vec::new() };
        Ok(traces.into_iter().map(undo).collect())
    }

    async fn inject(
        &self,
        undo: &NetworkUndo,
        effect: &NetworkEffect,
        _licence: Licence<'_>,
    ) -> Result<(), DriverError> {
        let entry = entry(&undo.space).await?;
        match (&undo.trace, effect) {
            (NetworkTrace::Qdisc { .. }, NetworkEffect::Shape { how, .. }) => self.add_qdisc(&entry, undo, how).await,
            (NetworkTrace::Queue { .. }, NetworkEffect::Shape { device, how }) => {
                self.add_queue(&entry, undo, device.as_deref(), how).await
            }
            (NetworkTrace::Table {}, effect) => self.add_table(&entry, undo, effect).await,
            _ => Err(mismatch(undo)),
        }
    }

    async fn revert(&self, undo: &NetworkUndo) -> Result<Reverted, DriverError> {
        let Some(entry) = find(&undo.space).await? else { return Ok(Reverted::TargetGone) };
        let reverted = match &undo.trace {
            NetworkTrace::Table {} => {
                let said = tool::run(&entry, &["nft", "delete", "table", "inet", &undo.tag], "").await?;
                match said.ok {
                    true => Reverted::Restored,
                    false if is_missing(&said) => Reverted::AlreadyBack,
                    false => return Err(said.failed("nft delete table")),
                }
            }
            NetworkTrace::Qdisc { device, handle } => match root(&entry, device, handle).await? {
                Root::Ours { .. } => {
                    let handle = format!("{handle}:");
                    let words = ["tc", "qdisc", "del", "dev", device, "root", "handle", &handle];
                    let said = tool::run(&entry, &words, "").await?;
                    match said.ok {
                        true => Reverted::Restored,
                        false if is_missing(&said) => Reverted::AlreadyBack,
                        false => return Err(said.failed("tc qdisc del")),
                    }
                }
                Root::Usual | Root::Foreign(_) => Reverted::AlreadyBack,
            },
            NetworkTrace::Queue { had_ipv4, had_ipv6, .. } => {
                revert_queue(&entry, undo, [*had_ipv4, *had_ipv6]).await?
            }
        };
        // Last: a queue that nobody attends lets pass, so nothing is lost in between.
        self.keepers().remove(&key(undo));
        Ok(reverted)
    }

    async fn standing(&self, undo: &NetworkUndo) -> Result<Standing, DriverError> {
        let Some(entry) = find(&undo.space).await? else { return Ok(Standing::Gone) };
        let touched = match &undo.trace {
            NetworkTrace::Table {} => table(&entry, "inet", &undo.tag).await?.and_then(|listing| rules::met(&listing)),
            NetworkTrace::Qdisc { device, handle } => match root(&entry, device, handle).await? {
                Root::Ours { touched } => Some(touched),
                Root::Usual => None,
                Root::Foreign(_) => return Ok(Standing::Foreign),
            },
            NetworkTrace::Queue { number, .. } => {
                let rules = queued(&entry, &undo.tag).await?;
                // Without anybody at the queue packets pass at once.
                let attended = attended(&entry).await?.contains(number);
                (attended && !rules.is_empty()).then(|| rules.iter().map(|(met, _)| met).sum())
            }
        };
        // A rule also meets questions for other names: only the keeper knows what it answered itself.
        let told = self.keepers().get(&key(undo)).and_then(|keeper| keeper.touched.clone());
        let touched = touched.map(|met| told.map_or(met, |told| told.load(Ordering::Relaxed)));
        Ok(touched.map_or(Standing::Gone, |touched| Standing::InForce { touched }))
    }
}
