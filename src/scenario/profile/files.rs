//! The files that a profile names: their paths are relative to its own.

use std::path::Path;

use super::{Journey, Profile, Request};

impl Profile {
    /// The profile with the paths of its files made absolute; `folder` is where its own file lies. Whoever sends has
    /// another working directory.
    pub fn resolved(self, folder: &Path) -> Profile {
        self.each_path(|path| {
            let joined = folder.join(&*path);
            // Only an empty path has no absolute form; it cannot be read either way.
            let joined = std::path::absolute(&joined).unwrap_or(joined);
            *path = joined.to_string_lossy().into_owned();
        })
    }

    /// The profile as it is the same wherever it lies and whatever it is aimed at: files by their names alone, no base
    /// URL. Digests are made of this.
    pub fn portable(self) -> Profile {
        let named = self.each_path(|path| {
            if let Some(name) = Path::new(path).file_name() {
                *path = name.to_string_lossy().into_owned();
            }
        });
        Profile { base_url: None, ..named }
    }

    fn each_path(mut self, change: impl Fn(&mut String)) -> Profile {
        for file in self.data.values_mut() {
            file.csv.iter_mut().chain(&mut file.jsonl).for_each(&change);
        }
        let tls = &mut self.http.tls;
        tls.ca.iter_mut().chain(&mut tls.cert).chain(&mut tls.key).for_each(&change);
        let scenarios = self.scenarios.values_mut();
        let (requests, journeys): (Vec<_>, Vec<_>) = scenarios.map(|s| (&mut s.requests, &mut s.journeys)).unzip();
        let requests = requests.into_iter().flatten().chain(&mut self.requests);
        let steps = journeys.into_iter().flatten().chain(&mut self.journeys).flat_map(steps);
        for request in requests.chain(steps) {
            let descriptors = request.grpc.iter_mut().filter_map(|call| call.descriptors.as_mut());
            request.body_file.iter_mut().chain(descriptors).for_each(&change);
        }
        self
    }
}

fn steps(journey: &mut Journey) -> impl Iterator<Item = &mut Request> {
    journey.on_start.iter_mut().chain(&mut journey.steps).chain(&mut journey.on_stop)
}
