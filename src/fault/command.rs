//! `command`: runs a command that harms, and another that takes it back.

use super::{Fault, FaultContext};
use crate::safety::{CommandUndo, Licence, Undo};
use crate::scenario::fault::CommandFault;
use crate::world::command::{CommandLine, CommandOutput};
use crate::world::{DriverError, World};

impl Fault for CommandFault {
    async fn prepare(&self, world: &World, context: FaultContext<'_>) -> Result<Vec<Undo>, DriverError> {
        let dir = context.dir.to_path_buf();
        let undo = CommandUndo { argv: self.undo.clone(), within: self.within, dir: dir.clone() };
        world.commands.prepare(&self.line(dir), &undo).await?;
        Ok(vec![Undo::Command(undo)])
    }

    async fn inject(&self, world: &World, undo: &[Undo], licence: Licence<'_>) -> Result<(), DriverError> {
        let dirs = undo.iter().filter_map(|undo| match undo {
            Undo::Command(undo) => Some(undo.dir.clone()),
            _ => None,
        });
        for dir in dirs {
            let CommandOutput { code, tail } = world.commands.inject(&self.line(dir), licence).await?;
            if code != Some(0) {
                let end =
                    code.map_or("was ended by a signal".to_owned(), |code| format!("ended with exit code {code}"));
                let program = self.inject.first().map_or("", String::as_str);
                return Err(DriverError::Failed(format!("inject command `{program}` {end}; it said: {}", tail.trim())));
            }
        }
        Ok(())
    }
}

impl CommandFault {
    fn line(&self, dir: std::path::PathBuf) -> CommandLine {
        CommandLine { argv: self.inject.clone(), dir, within: self.within.get() }
    }
}
