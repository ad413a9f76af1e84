//! `tag`: words to find a sweep by.

use proto::v1::{TagSweepRequest, TagSweepResponse};

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output;

use super::rename;

/// Arguments of `tag`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// What it gets (+WORD, or just WORD) and what it loses (-WORD); without any, its tags are printed
    #[arg(value_name = "WORD", value_parser = change, allow_hyphen_values = true)]
    changes: Vec<Change>,
}

/// What happens to one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Add(String),
    Remove(String),
}

fn change(text: &str) -> Result<Change, String> {
    if text.starts_with("--") {
        return Err("there is no such option".to_owned());
    }
    if let Some(word) = text.strip_prefix('-') {
        return rename::name(word).map(Change::Remove);
    }
    rename::name(text.strip_prefix('+').unwrap_or(text)).map(Change::Add)
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or it would have too many tags.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for change in &args.changes {
        match change.clone() {
            Change::Add(word) => add.push(word),
            Change::Remove(word) => remove.push(word),
        }
    }
    let answer = session::with(context, Purpose::Stored, async |session| {
        let request = TagSweepRequest { sweep: args.sweep.clone(), add, remove };
        session.client.tag_sweep(request).await.map_err(|status| session.refused(&status))
    });
    let TagSweepResponse { sweep } = answer.await?.into_inner();
    let tags = sweep.unwrap_or_default().tags;
    if args.changes.is_empty() {
        output::text(&tags.iter().map(|tag| format!("{tag}\n")).collect::<String>())?;
    } else if tags.is_empty() {
        context.talk.say("it has no tag");
    } else {
        context.talk.say(format_args!("tags: {}", tags.join(", ")));
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_says_whether_a_tag_comes_or_goes() {
        assert_eq!(change("+paper"), Ok(Change::Add("paper".to_owned())));
        assert_eq!(change("paper"), Ok(Change::Add("paper".to_owned())));
        assert_eq!(change("-old-one"), Ok(Change::Remove("old-one".to_owned())));
        for text in ["", "+", "-", "--yes", "A b"] {
            assert!(change(text).is_err(), "{text}");
        }
    }
}
