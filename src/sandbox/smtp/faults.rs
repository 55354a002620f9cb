//! Faults of the mail server: what goes wrong next, and for which stage and recipient.
//!
//! A fault is a rule (which stage, whose mail, after how many, how often) and an action, as in the sandbox's other faults.
//! Rules are tried in the order they were set; a stage meets at most one.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Where in a session a fault can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The connection was accepted.
    Connect,
    /// The 220 would be sent.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// AUTH and the lines of its exchange.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, before its 354.
    Data,
    /// The end of the message.
    Body,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
}

/// What happens instead of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This reply. 421 also hangs up.
    Reply(u16, String),
    /// These bytes, which may be no reply at all.
    Nonsense(Vec<u8>),
    /// Nothing, until released; then the answer.
    Stall,
    /// The connection is closed.
    Cut,
    /// The connection is closed after the first half of the answer.
    CutInside,
}

/// A fault as it meets one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether the work is done first: the message stored, the recipient noted.
    pub after_work: bool,
    /// What then happens.
    pub outcome: Outcome,
    /// The action as it was set, for the journal.
    pub action: Value,
}

/// A rule as it is set and listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    stage: Stage,
    /// Only for this recipient; at `data` and `body`, when it is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// So many matching stages go through first.
    #[serde(default)]
    skip: u32,
    /// So many matching stages are hit.
    #[serde(default = "once")]
    times: u32,
    action: Value,
}

fn once() -> u32 {
    1
}

/// The rules that are left.
#[derive(Debug, Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    /// Adds one rule or a list of them; nothing is added when one of them is not understood.
    pub fn add(&mut self, body: Value) -> Result<(), String> {
        let list = if body.is_array() { body } else { json!([body]) };
        let rules: Vec<Rule> = serde_json::from_value(list).map_err(|error| error.to_string())?;
        for rule in &rules {
            parse_action(&rule.action)?;
            if rule.to.is_some() && !matches!(rule.stage, Stage::Rcpt | Stage::Data | Stage::Body) {
                return Err("a recipient is known at rcpt, data and body only".into());
            }
        }
        self.0.extend(rules);
        Ok(())
    }

    /// What is left, as it could be set again.
    pub fn left(&self) -> Value {
        json!(self.0)
    }

    /// Forgets all rules. What is stalled stays stalled.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this stage meets, if any; it is used up by one. `concerned` are the recipients as far as known.
    pub fn meet(&mut self, stage: Stage, concerned: &[String]) -> Option<Fault> {
        let met = self.0.iter_mut().find_map(|rule| {
            let is_concerned = |to: &String| concerned.iter().any(|known| known.eq_ignore_ascii_case(to));
            if rule.stage != stage || !rule.to.as_ref().is_none_or(is_concerned) {
                return None;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return None;
            }
            rule.times = rule.times.checked_sub(1)?;
            Some(rule.action.clone())
        });
        self.0.retain(|rule| rule.times > 0);
        met.and_then(|action| parse_action(&action).ok())
    }
}

fn parse_action(action: &Value) -> Result<Fault, String> {
    let mut keys = action.as_object().cloned().ok_or("an action is an object")?;
    let (after_work, outcome) = if let Some(cut) = keys.remove("cut") {
        match cut.as_str() {
            Some("before") => (false, Outcome::Cut),
            Some("after") => (true, Outcome::Cut),
            Some("inside") => (true, Outcome::CutInside),
            _ => return Err("cut is before, after or inside".into()),
        }
    } else if let Some(stall) = keys.remove("stall") {
        match stall.as_str() {
            Some("before") => (false, Outcome::Stall),
            Some("after") => (true, Outcome::Stall),
            _ => return Err("stall is before or after".into()),
        }
    } else if let Some(after) = keys.remove("after") {
        let mut after = after.as_object().cloned().ok_or("after holds a code or nonsense")?;
        let outcome = take_answer(&mut after)?.ok_or("after needs code or nonsense")?;
        nothing_left(&after)?;
        (true, outcome)
    } else if let Some(outcome) = take_answer(&mut keys)? {
        (false, outcome)
    } else {
        return Err("an action needs code, nonsense, stall, cut or after".into());
    };
    nothing_left(&keys)?;
    Ok(Fault {
        after_work,
        outcome,
        action: action.clone(),
    })
}

fn nothing_left(keys: &Map<String, Value>) -> Result<(), String> {
    keys.keys()
        .next()
        .map_or(Ok(()), |key| Err(format!("`{key}` does not belong here")))
}

/// Takes `code` and `text`, or `nonsense`, out of `keys`; `None` when neither is there.
fn take_answer(keys: &mut Map<String, Value>) -> Result<Option<Outcome>, String> {
    if let Some(nonsense) = keys.remove("nonsense") {
        let text = nonsense
            .as_str()
            .ok_or("nonsense is a text; line ends are yours to write")?;
        return Ok(Some(Outcome::Nonsense(text.as_bytes().to_vec())));
    }
    let Some(code) = keys.remove("code") else {
        return Ok(None);
    };
    let code = code.as_u64().and_then(|code| u16::try_from(code).ok());
    let code = code
        .filter(|code| (400..600).contains(code))
        .ok_or("code is a number from 400 to 599")?;
    let text = match keys.remove("text") {
        None if code == 421 => "4.3.2 Service not available, closing the channel".to_owned(),
        None => format!("{}.0.0 Refused by a fault", code / 100),
        Some(text) => text.as_str().ok_or("text is a text")?.to_owned(),
    };
    if text.contains(['\r', '\n']) {
        return Err("text is one line".into());
    }
    Ok(Some(Outcome::Reply(code, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_one_recipient_skips_then_hits_then_is_gone() {
        let mut faults = Faults::default();
        let rule = json!({"stage": "rcpt", "to": "Ana@example.com", "skip": 1, "times": 2, "action": {"code": 450}});
        faults.add(rule).expect("understood");
        let ana = ["ana@example.com".to_owned()];
        assert_eq!(faults.meet(Stage::Rcpt, &["bea@example.com".to_owned()]), None);
        assert_eq!(faults.meet(Stage::Body, &ana), None);
        let hits: Vec<bool> = (0..4).map(|_| faults.meet(Stage::Rcpt, &ana).is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert_eq!(faults.left(), json!([]));
    }

    #[test]
    fn an_action_that_is_not_understood_is_refused_whole() {
        let mut faults = Faults::default();
        for bad in [
            json!({"stage": "lunch", "action": {"code": 451}}),
            json!({"stage": "mail", "to": "a@b", "action": {"code": 451}}),
            json!({"stage": "mail", "action": {"code": 250}}),
            json!({"stage": "mail", "action": {"code": 451, "text": "a\r\nb"}}),
            json!({"stage": "mail", "action": {"cut": "here"}}),
            json!({"stage": "mail", "action": {"stall": true}}),
            json!({"stage": "mail", "action": {"code": 451, "cut": "before"}}),
            json!({"stage": "mail", "action": {"after": {"stall": "after"}}}),
            json!({"stage": "mail", "action": {}}),
        ] {
            let list = json!([{"stage": "data", "action": {"code": 451}}, bad]);
            assert!(faults.add(list).is_err(), "{bad}");
        }
        assert_eq!(faults.left(), json!([]));
    }
}
