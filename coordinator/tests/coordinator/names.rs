use proto::v1::sweep_service_server::SweepService;
use proto::{Reason, v1};
use sqlx::PgPool;
use tonic::Request;

use crate::world::{World, column, named, reason, spec};

async fn found(world: &World, text: &str) -> Result<String, tonic::Status> {
    let request = v1::GetSweepRequest { sweep: text.to_owned() };
    Ok(world.sweeps.get_sweep(Request::new(request)).await?.into_inner().sweep.unwrap().sweep_id)
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_is_found_by_id_prefix_name_and_place(pool: PgPool) {
    let world = World::new(&pool);
    let old = world.submit(named("seed", 1)).await;
    let new = world.submit(named("seed", 2)).await;
    let last = world.submit(spec(1)).await;
    for (text, sweep) in [
        (old.as_str(), &old),
        (&old.replace('-', ""), &old),
        (&old.to_uppercase(), &old),
        (&old[..35], &old),
        (&old.replace('-', "")[..31], &old),
        ("seed", &new),
        ("@last", &last),
    ] {
        assert_eq!(found(&world, text).await.as_ref().ok(), Some(sweep), "{text}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_name_that_looks_like_the_beginning_of_an_id_is_a_name(pool: PgPool) {
    let world = World::new(&pool);
    let one = world.submit(spec(1)).await;
    let prefix = one[..6].to_owned();
    let _older = world.submit(named(&prefix, 1)).await;
    let newer = world.submit(named(&prefix, 2)).await;
    assert_eq!(found(&world, &prefix).await.unwrap(), newer);
    assert_eq!(found(&world, &one).await.unwrap(), one);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_ambiguous_prefix_lists_what_it_fits(pool: PgPool) {
    let world = World::new(&pool);
    let (one, two) = (world.submit(named("seed", 1)).await, world.submit(spec(1)).await);
    // Version 7 ids of one moment begin alike.
    let refused = found(&world, &one[..6]).await;
    let message = refused.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains(&format!("{one} (seed)")) && message.contains(&two), "{message}");
    assert_eq!(reason(refused), Reason::Ambiguous);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_unknown_name_is_answered_with_the_nearest(pool: PgPool) {
    let world = World::new(&pool);
    assert_eq!(reason(found(&world, "@last").await), Reason::NotFound);
    world.submit(named("fashion-mnist-mlp", 1)).await;
    let refused = found(&world, "fashion-mnist").await;
    assert!(
        refused.as_ref().unwrap_err().message().contains("did you mean `fashion-mnist-mlp`?"),
        "{refused:?}"
    );
    assert_eq!(reason(refused), Reason::NotFound);
    let sweep = world.submit(spec(1)).await;
    let slip = format!("{}x", &sweep[..35]);
    for (text, near) in [(slip.as_str(), sweep.as_str()), ("@lst", "@last")] {
        let refused = found(&world, text).await;
        let message = refused.as_ref().unwrap_err().message().to_owned();
        assert!(message.contains(&format!("did you mean `{near}`?")), "{message}");
        assert_eq!(reason(refused), Reason::NotFound);
    }
    for text in ["", "cifar", "0000", "'; drop table core.sweep; --"] {
        assert_eq!(reason(found(&world, text).await), Reason::NotFound, "{text}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_is_found_by_index_id_and_prefix_also_without_its_sweep(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let ids = column(&world.rows(v1::View::Trial, &sweep, "").await, "trial_id");
    let second = ids[1].clone().unwrap();
    for (sweep, trial) in [(sweep.as_str(), "1"), (&sweep, &second), (&sweep, &second[..35]), ("", &second)] {
        let table = world.rows(v1::View::Trial, sweep, trial).await;
        assert_eq!(column(&table, "trial_id"), [Some(second.clone())], "{sweep} {trial}");
    }
    let request = |trial: &str| v1::ListRowsRequest {
        view: v1::View::Trial.into(),
        sweep: sweep.clone(),
        trial: trial.to_owned(),
        ..v1::ListRowsRequest::default()
    };
    for (trial, expected) in
        [("3", Reason::NotFound), ("x", Reason::NotFound), (&second[..8], Reason::Ambiguous)]
    {
        assert_eq!(reason(world.sweeps.list_rows(Request::new(request(trial))).await), expected, "{trial}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn pages_of_sweeps_go_from_new_to_old_without_overlap(pool: PgPool) {
    let world = World::new(&pool);
    let mut submitted = Vec::new();
    for _ in 0..5 {
        submitted.push(world.submit(spec(1)).await);
    }
    submitted.reverse();
    let (mut listed, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = v1::ListSweepsRequest { page_size: 2, page_token: token };
        let page = world.sweeps.list_sweeps(Request::new(request)).await.unwrap().into_inner();
        assert!(page.sweeps.iter().all(|sweep| sweep.source.is_empty() && sweep.spec.is_some()));
        listed.extend(page.sweeps.into_iter().map(|sweep| sweep.sweep_id));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((listed, pages), (submitted, 3));
    let request = v1::ListSweepsRequest { page_size: 2, page_token: "x".to_owned() };
    assert_eq!(reason(world.sweeps.list_sweeps(Request::new(request)).await), Reason::InvalidRequest);
}
