use super::*;

fn variables(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<PathBuf> {
    move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v))
}

#[test]
fn the_place_follows_the_variables() {
    let place = |pairs| place_of(variables(pairs));
    assert_eq!(place(&[("HOME", "/home/ada")]), Some("/home/ada/.local/state/simulacro".into()));
    assert_eq!(place(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/s")]), Some("/s/simulacro".into()));
    assert_eq!(place(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.local/state/simulacro".into()));
    assert_eq!(place(&[("SIMULACRO_STATE_DIR", "/t"), ("HOME", "/h")]), Some("/t".into()));
    assert_eq!(place(&[("HOME", "")]), None);
}

#[test]
fn only_the_owner_can_look_inside() {
    let base = tempfile::tempdir().expect("a directory");
    let root = base.path().join("deep/state");
    let state = StateDir::at(&root).expect("it is made");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(state.path()), 0o700);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("it is mine");
    StateDir::at(&root).expect("it is there");
    assert_eq!(mode(&root), 0o700, "a directory that was opened up is closed again");
}

#[test]
fn a_file_in_the_way_is_named() {
    let base = tempfile::tempdir().expect("a directory");
    let root = base.path().join("state");
    fs::write(&root, "in the way").expect("it is written");
    let message = StateDir::at(&root).expect_err("a file is in the way").to_string();
    assert!(message.contains("state/runs") && message.contains("directory that you own"), "{message}");
}

#[test]
fn an_id_never_leaves_the_directory() {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(base.path()).expect("it is made");
    for id in ["", "..", "../x", "a/b", ".hidden"] {
        assert!(matches!(state.run(&RunId(id.into())), Err(StateError::NotARun(_))), "{id}");
    }
}

#[test]
fn ended_runs_are_kept_in_limits_and_no_longer_listed() {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(base.path()).expect("it is made");
    for n in 0..ENDED_KEPT + 5 {
        let dir = state.create_run(&RunId(format!("2026-{n:03}"))).expect("it is made");
        state.archive(&dir).expect("it is moved");
    }
    assert_eq!(state.runs().expect("it is readable"), []);
    let mut kept: Vec<_> = fs::read_dir(base.path().join("ended"))
        .expect("it is there")
        .map(|e| e.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    kept.sort();
    assert_eq!(kept.len(), ENDED_KEPT);
    assert_eq!(kept[0], "2026-005");
}

#[test]
fn a_run_is_listed_until_it_is_removed() {
    let base = tempfile::tempdir().expect("a directory");
    let state = StateDir::at(base.path()).expect("it is made");
    let dir = state.create_run(&RunId("run-1".into())).expect("it is made");
    assert!(state.create_run(&RunId("run-1".into())).is_err(), "an id is used once");
    assert_eq!(state.runs().expect("it is readable"), std::slice::from_ref(&dir));
    dir.remove().expect("it is removed");
    assert_eq!(state.runs().expect("it is readable"), []);
}
