//! Drivers that follow a script, for tests of undo: what they answer, how long they take, and what they were asked.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::model::{LinkAddress, LinkRule, Member, Name, ProcessId, RuleId, Signal};
use crate::safety::{CommandUndo, Licence, LinkUndo, ProcessUndo, Reverted, Standing, Undo};
use crate::scenario::target::ProcessSelector;
use crate::world::command::{CommandLine, CommandOutput};
use crate::world::process::ProcessState;
use crate::world::sim::Sim;
use crate::world::{Commands, DriverError, Links, Processes, World};

/// One answer to a revert.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The driver says so, and nothing is seen afterwards.
    Says(Reverted),
    /// The driver says so, but the effect is still seen.
    Lies(Reverted),
    /// It fails.
    Fails(DriverError),
    /// It never answers.
    Hangs,
    /// It panics.
    Panics,
}

/// What undos are answered, by their subject. The last answer is given again and again; unnamed ones are restored.
#[derive(Clone, Default)]
pub struct Script {
    answers: Arc<Mutex<BTreeMap<String, VecDeque<Answer>>>>,
    /// Subjects in the order in which they were asked, with the time of each.
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
    lying: Arc<Mutex<BTreeMap<String, bool>>>,
}

impl Script {
    pub fn answer(self, undo: &Undo, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.answers.lock().expect("no panic").insert(undo.subject(), answers.into_iter().collect());
        self
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").iter().map(|(subject, _)| subject.clone()).collect()
    }

    /// Times between the requests for one undo.
    pub fn pauses(&self, undo: &Undo) -> Vec<Duration> {
        let asked = self.asked.lock().expect("no panic");
        let times: Vec<_> = asked.iter().filter(|(s, _)| *s == undo.subject()).map(|(_, at)| *at).collect();
        times.windows(2).map(|w| w[1] - w[0]).collect()
    }

    pub fn world(&self) -> World {
        let scenario = serde_json::from_str(r#"{"simulacro":1,"name":"scripted"}"#).expect("a scenario");
        let world = Sim::new(&scenario).world(Clock::start());
        let me = Arc::new(self.clone());
        World { processes: me.clone(), links: me.clone(), commands: me, ..world }
    }

    async fn take_back(&self, undo: Undo) -> Result<Reverted, DriverError> {
        let subject = undo.subject();
        self.asked.lock().expect("no panic").push((subject.clone(), Instant::now()));
        let answer = {
            let mut answers = self.answers.lock().expect("no panic");
            let left = answers.entry(subject.clone()).or_default();
            let next = left.front().cloned().unwrap_or(Answer::Says(Reverted::Restored));
            if left.len() > 1 {
                left.pop_front();
            }
            next
        };
        self.lying.lock().expect("no panic").insert(subject, matches!(answer, Answer::Lies(_)));
        match answer {
            Answer::Says(reverted) | Answer::Lies(reverted) => Ok(reverted),
            Answer::Fails(e) => Err(e),
            Answer::Hangs => std::future::pending().await,
            Answer::Panics => panic!("scripted"),
        }
    }

    fn look(&self, undo: &Undo) -> Standing {
        match self.lying.lock().expect("no panic").get(&undo.subject()) {
            Some(false) => Standing::Gone,
            _ => Standing::InForce { touched: 1 },
        }
    }
}

fn unused<T>() -> Result<T, DriverError> {
    Err(DriverError::Failed("undo never asks this".into()))
}

#[async_trait]
impl Processes for Script {
    async fn resolve(&self, _: &ProcessSelector) -> Result<Vec<ProcessId>, DriverError> {
        unused()
    }
    async fn look(&self, _: &ProcessSelector) -> Result<Vec<Member>, DriverError> {
        unused()
    }
    async fn signal(&self, _: ProcessId, _: Signal, _: Licence<'_>) -> Result<(), DriverError> {
        unused()
    }
    async fn state(&self, _: ProcessId) -> Result<ProcessState, DriverError> {
        unused()
    }
    async fn revert(&self, undo: &ProcessUndo) -> Result<Reverted, DriverError> {
        self.take_back(Undo::Process(undo.clone())).await
    }
    async fn standing(&self, undo: &ProcessUndo) -> Result<Standing, DriverError> {
        Ok(self.look(&Undo::Process(undo.clone())))
    }
}

#[async_trait]
impl Links for Script {
    async fn open(&self, _: &[LinkAddress], _: u64) -> Result<(), DriverError> {
        unused()
    }
    fn control(&self, _: &Name) -> Result<String, DriverError> {
        unused()
    }
    async fn set_rule(&self, _: &Name, _: &RuleId, _: &LinkRule, _: Licence<'_>) -> Result<(), DriverError> {
        unused()
    }
    async fn revert(&self, undo: &LinkUndo) -> Result<Reverted, DriverError> {
        self.take_back(Undo::Link(undo.clone())).await
    }
    async fn standing(&self, undo: &LinkUndo) -> Result<Standing, DriverError> {
        Ok(self.look(&Undo::Link(undo.clone())))
    }
    async fn close(&self) {}
}

#[async_trait]
impl Commands for Script {
    async fn run(&self, _: &CommandLine) -> Result<CommandOutput, DriverError> {
        unused()
    }
    async fn inject(&self, _: &CommandLine, _: Licence<'_>) -> Result<CommandOutput, DriverError> {
        unused()
    }
    async fn revert(&self, undo: &CommandUndo) -> Result<Reverted, DriverError> {
        self.take_back(Undo::Command(undo.clone())).await
    }
    async fn standing(&self, undo: &CommandUndo) -> Result<Standing, DriverError> {
        Ok(self.look(&Undo::Command(undo.clone())))
    }
}

/// Makes `run`'s folder with a journal that holds `undos`, each injected by a runner that is dead now.
pub fn interrupted(state: &crate::safety::StateDir, header: &crate::safety::Header, undos: &[Undo]) -> Box<Path> {
    let dir = state.create_run(&header.run).expect("it is made");
    let journal = crate::safety::Journal::create(dir.path(), header).expect("it is made");
    for (n, undo) in undos.iter().enumerate() {
        let name = crate::safety::fixtures::name(&format!("f{n}"));
        let mut armed = journal.arm(&name, vec![undo.clone()], crate::safety::fixtures::HOLD).expect("it is armed");
        let injected = futures_util::FutureExt::now_or_never(armed.inject(async |_| Ok::<(), ()>(())));
        injected.expect("nothing waits").expect("it is recorded");
    }
    dir.path().into()
}
