//! A state folder of an earlier version is refused with the way to keep what is in it.

use std::process::Command;

use cli::local::{postgres, socket};

use super::sandbox::{Sandbox, example};

#[test]
fn a_state_folder_of_an_earlier_version_is_refused_with_the_way_to_keep_its_results() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let server = postgres::running(sandbox.state()).unwrap();
    // As the first versions left their databases: with a migration from before the first of this one.
    let made_old = Command::new("psql")
        .arg(socket::url(&server.socket_folder, "batchsweep_owner"))
        .args(["-qXc", "update public._sqlx_migrations set version = 1 where version = 100"])
        .status()
        .expect("psql is installed");
    assert!(made_old.success());
    sandbox.read(&["down"]);

    for arguments in [&["run", &example("seed.toml")][..], &["up"], &["ls"]] {
        let refused = sandbox.call(arguments);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{arguments:?}: {said}");
        for words in ["an earlier version", "batchsweep export", "--state-dir"] {
            assert!(said.contains(words), "{arguments:?} does not say `{words}`:\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(sandbox.processes().is_empty(), "what was started has ended again");
}
