//! The files of the deployment agree with each other; scripts/test-compose runs them.

use std::collections::BTreeMap;

const WORKSPACE: &str = include_str!("../../../Cargo.toml");
const SENT_TO_BUILDS: &str = include_str!("../../../.dockerignore");
const COMPOSE: &str = include_str!("../../../docker-compose.yml");
const EXPLAINED: &str = include_str!("../../../.env.example");

#[test]
fn every_crate_of_the_workspace_is_sent_to_builds_of_images() {
    let members = WORKSPACE.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.contains(&"coordinator"), "{members:?}");
    for member in members {
        let is_sent = SENT_TO_BUILDS.lines().any(|line| line.strip_prefix('!') == Some(member));
        assert!(
            is_sent,
            "{member} is not in .dockerignore, so that cargo finds no manifest of it in an image"
        );
    }
}

#[test]
fn every_variable_of_the_compose_file_is_explained_with_its_default() {
    let mut used = BTreeMap::new();
    for written in COMPOSE.split("${").skip(1) {
        let (name, default) = written.split('}').next().unwrap().split_once(":-").unwrap();
        let before = used.insert(name, default);
        assert!(before.is_none_or(|before| before == default), "{name} has two defaults");
    }
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let explained: BTreeMap<_, _> = EXPLAINED
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .filter(|(name, _)| is_name(name))
        .collect();
    assert_eq!(used, explained);
}
