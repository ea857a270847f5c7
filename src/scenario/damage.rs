//! What had to be left out of a file with errors, so that the rest of it can be looked at all the same.

/// The parts that were left out, by their paths in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    paths: Vec<String>,
}

/// Keys at the top that nothing else refers to.
const UNREFERENCED: [&str; 10] = [
    "simulacro",
    "name",
    "title",
    "owner",
    "criticality",
    "runbook",
    "tags",
    "phases",
    "steady_state",
    "recovery_signal",
];

impl Damage {
    /// Damage at these paths.
    pub fn new(paths: Vec<String>) -> Damage {
        Damage { paths }
    }

    /// Whether nothing was left out.
    pub fn is_none(&self) -> bool {
        self.paths.is_empty()
    }

    /// The path in the file of a path in what is left: elements that were left out shift those after them.
    pub fn original(&self, path: &str) -> String {
        let mut out = String::with_capacity(path.len());
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('[') {
            out.push_str(before);
            let Some((index, tail)) = after.split_once(']') else { break };
            let Ok(mut left) = index.parse::<usize>() else { break };
            let mut place = 0;
            loop {
                if !self.paths.contains(&format!("{out}[{place}]")) {
                    if left == 0 {
                        break;
                    }
                    left -= 1;
                }
                place += 1;
            }
            out.push_str(&format!("[{place}]"));
            rest = tail;
        }
        out + rest
    }

    /// Whether a complaint about `path` may come from what was left out at it, above it, below it, or beside it.
    pub fn explains(&self, path: &str) -> bool {
        self.paths.iter().any(|gone| {
            let above = parent(gone);
            is_within(path, gone)
                || is_within(gone, path)
                || above == path
                || (above == parent(path) && !above.is_empty())
        })
    }

    /// Whether names may be missing because a whole section that defines them was left out, or the key `name` itself.
    pub fn hides_names(&self) -> bool {
        let section = |p: &String| !p.contains(['.', '[']) && !UNREFERENCED.contains(&p.as_str());
        self.paths.iter().any(|p| section(p) || p.ends_with("].name"))
    }
}

fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |at| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(paths: &[&str]) -> Damage {
        Damage::new(paths.iter().map(|p| (*p).to_owned()).collect())
    }

    #[test]
    fn indices_are_those_of_the_file() {
        let d = damage(&["faults[0]", "faults[2]", "faults[1].args[0]"]);
        assert_eq!(d.original("faults[0].args[0]"), "faults[1].args[1]");
        assert_eq!(d.original("faults[1].at"), "faults[3].at");
        assert_eq!(d.original("probes[2]"), "probes[2]");
    }

    #[test]
    fn what_was_left_out_explains_its_neighbours() {
        let d = damage(&["faults[1].after.fualt", "services.app"]);
        for explained in
            ["faults[1].after", "faults[1].after.fault", "faults[1].after.step", "services.app.ready", "services"]
        {
            assert!(d.explains(explained), "{explained}");
        }
        assert!(!d.explains("faults[1].at") && !d.explains("faults[2].after.fault") && !d.explains("probes"));
        assert!(!d.hides_names() && damage(&["falts"]).hides_names() && !damage(&["title"]).hides_names());
    }
}
