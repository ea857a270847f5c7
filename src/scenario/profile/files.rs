//! The files that a profile names.

use std::path::Path;

use super::{DataFile, Journey, Profile, Request};

impl Profile {
    /// Every file that the profile names, with the path of its key.
    pub fn files_mut(&mut self) -> Vec<(String, &mut String)> {
        let mut files = Vec::new();
        for (name, DataFile { csv, jsonl, .. }) in &mut self.data {
            push(&mut files, format!("data.{name}.csv"), csv);
            push(&mut files, format!("data.{name}.jsonl"), jsonl);
        }
        let tls = &mut self.http.tls;
        for (key, file) in [("ca", &mut tls.ca), ("cert", &mut tls.cert), ("key", &mut tls.key)] {
            push(&mut files, format!("http.tls.{key}"), file);
        }
        requests(&mut files, "requests", &mut self.requests);
        journeys(&mut files, "journeys", &mut self.journeys);
        for (name, scenario) in &mut self.scenarios {
            requests(&mut files, &format!("scenarios.{name}.requests"), &mut scenario.requests);
            journeys(&mut files, &format!("scenarios.{name}.journeys"), &mut scenario.journeys);
        }
        files
    }

    /// Names every file from the root: relative ones lie beside the profile, in `folder`.
    pub fn root_files(&mut self, folder: &Path) {
        for (_, file) in self.files_mut() {
            let rooted = folder.join(&file);
            *file = std::path::absolute(&rooted).unwrap_or(rooted).to_string_lossy().into_owned();
        }
    }
}

type Files<'p> = Vec<(String, &'p mut String)>;

fn push<'p>(files: &mut Files<'p>, key: String, file: &'p mut Option<String>) {
    files.extend(file.as_mut().map(|file| (key, file)));
}

fn requests<'p>(files: &mut Files<'p>, at: &str, requests: &'p mut [Request]) {
    for (nth, request) in requests.iter_mut().enumerate() {
        push(files, format!("{at}[{nth}].body_file"), &mut request.body_file);
        if let Some(grpc) = &mut request.grpc {
            push(files, format!("{at}[{nth}].grpc.descriptors"), &mut grpc.descriptors);
        }
    }
}

fn journeys<'p>(files: &mut Files<'p>, at: &str, journeys: &'p mut [Journey]) {
    for (nth, journey) in journeys.iter_mut().enumerate() {
        let Journey { on_start, steps, on_stop, .. } = journey;
        for (part, steps) in [("on_start", on_start), ("steps", steps), ("on_stop", on_stop)] {
            requests(files, &format!("{at}[{nth}].{part}"), steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "
simulacro_profile: 1
name: files
data: { users: { csv: users.csv }, items: { jsonl: /srv/items.jsonl } }
http: { tls: { ca: ca.pem } }
scenarios:
  a:
    constant_arrival_rate: { rate: 1 }
    requests: [{ name: put, method: PUT, path: /x, body_file: ../body.bin }]
  b:
    constant_vus: { vus: 1 }
    journeys: [{ name: j, steps: [{ name: call, grpc: { method: a.B/C, descriptors: d.bin } }] }]
";

    #[test]
    fn relative_files_lie_beside_the_profile() {
        let mut profile = Profile::from_yaml(PROFILE).unwrap();
        profile.root_files(Path::new("/etc/load"));
        let files: Vec<(String, String)> = profile.files_mut().into_iter().map(|(k, f)| (k, f.clone())).collect();
        let expected = [
            ("data.items.jsonl", "/srv/items.jsonl"),
            ("data.users.csv", "/etc/load/users.csv"),
            ("http.tls.ca", "/etc/load/ca.pem"),
            ("scenarios.a.requests[0].body_file", "/etc/load/../body.bin"),
            ("scenarios.b.journeys[0].steps[0].grpc.descriptors", "/etc/load/d.bin"),
        ];
        assert_eq!(files, expected.map(|(k, f)| (k.to_owned(), f.to_owned())));
    }
}
