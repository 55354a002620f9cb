//! Sockets: accepts connections, reads requests whole, lets faults happen, sends answers.
//!
//! Runs its own accept loop, because a fault may have to close a connection without an answer: hyper does so when the
//! service fails, and in the middle of a body when the body fails.
use super::{
    answer::{Answer, Printing, print_json, send},
    api::{self, Carrier, batch, people::Turns},
    control,
    faults::{CutPoint, Outcome},
    oauth, page,
    request::Request,
    world::World,
};
use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

/// Larger requests are cut; Google's limit is not known to be lower.
const LARGEST_REQUEST: usize = 32 * 1024 * 1024;

/// The world and its lock.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Puts a world behind its lock.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world. A panic of another request does not make it unusable.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections until `stop` fires or is dropped; then every connection is dropped as it is.
pub async fn serve(listener: TcpListener, shared: Shared, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // An accept that fails (no file handles left) says nothing about the next one.
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let shared = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(|request| respond(&shared, request));
                    let mut http = http1::Builder::new();
                    http.timer(TokioTimer::new());
                    // A connection ends in an error whenever a client goes away or a fault cuts it: both are normal.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

/// How an exchange ends.
enum Ending {
    Answered(Answer),
    NoReply,
    BrokenBody(Answer),
}

async fn respond(shared: &Shared, incoming: hyper::Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let (parts, body) = incoming.into_parts();
    let body = Limited::new(body, LARGEST_REQUEST)
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let request = Request::new(parts.method, path, query, parts.headers, body.to_vec());
    let printing = Printing::asked_by(&request.headers, &request.query);
    let ending = match request.path.as_str() {
        "/o/oauth2/v2/auth" => Ending::Answered(oauth::consent::authorization(&mut shared.world(), &request)),
        path if path.starts_with(control::BASE) => Ending::Answered(control::answer(&mut shared.world(), &request)),
        path if page::is_page(path) => Ending::Answered(page::answer(&mut shared.world(), &request)),
        _ => exchange(shared, &request).await,
    };
    let now_us = shared.world().clock.now_us();
    match ending {
        Ending::Answered(answer) => Ok(send(answer, printing, now_us)),
        Ending::NoReply => Err(io::Error::other("cut by a fault")),
        Ending::BrokenBody(answer) => Ok(broken(send(answer, printing, now_us)).await),
    }
}

async fn exchange(shared: &Shared, request: &Request) -> Ending {
    with_faults(shared, request, None, |seq| async move {
        if request.path == api::BATCH_PATH {
            run_batch(shared, request, seq).await
        } else {
            Ending::Answered(api::answer(&mut shared.world(), request, Carrier::Direct))
        }
    })
    .await
}

async fn run_batch(shared: &Shared, outer: &Request, seq: u64) -> Ending {
    let limit = shared.world().switches.batch_limit;
    let parts = match batch::parts(outer, limit) {
        Ok(parts) => parts,
        Err(refusal) => return Ending::Answered(*refusal),
    };
    let mut answers = Vec::with_capacity(parts.len());
    for part in parts {
        let answer = match &part.request {
            Err(refusal) => (**refusal).clone(),
            Ok(inner) => {
                let work = |_| async move { Ending::Answered(api::answer(&mut shared.world(), inner, Carrier::Batch)) };
                match with_faults(shared, inner, Some(seq), work).await {
                    Ending::Answered(answer) => answer,
                    // A part has no connection of its own: what cuts it cuts the batch.
                    cut => return cut,
                }
            }
        };
        answers.push((part.content_id, answer));
    }
    let boundary = shared.world().mint.token("batch_");
    Ending::Answered(batch::joined(answers, &boundary))
}

/// Writes the request down, lets the fault that it meets happen around the work, and writes down the end.
async fn with_faults<W, F>(shared: &Shared, request: &Request, batch: Option<u64>, work: W) -> Ending
where
    W: FnOnce(u64) -> F,
    F: Future<Output = Ending>,
{
    let (seq, fault, turn) = {
        let mut world = shared.world();
        let user = world.subject_of(request).map(|person| person.email.clone());
        let fault = if request.person().is_some() {
            None
        } else {
            world.faults.meet(request, user.as_deref())
        };
        let now_us = world.clock.now_us();
        let action = fault.as_ref().map(|fault| fault.action.clone());
        let turn = match &user {
            Some(user) if Turns::concerns(request) => Some((user.clone(), world.turns.begin(user))),
            _ => None,
        };
        (world.journal.open(request, user, action, batch, now_us), fault, turn)
    };
    let turn = match turn {
        None | Some((_, Ok(false))) => None,
        Some((user, Ok(true))) => Some(Turn {
            shared: shared.clone(),
            user,
        }),
        Some((_, Err(too_early))) => {
            shared.world().journal.close(seq, too_early.status);
            return Ending::Answered(too_early);
        }
    };
    if turn.is_some() {
        let takes = Duration::from_millis(shared.world().turns.write_ms);
        tokio::time::sleep(takes).await;
    }
    if let Some(fault) = &fault
        && !fault.delay.is_zero()
    {
        tokio::time::sleep(fault.delay).await;
    }
    let ending = match fault.map(|fault| fault.outcome) {
        None | Some(Outcome::Nothing) => work(seq).await,
        Some(Outcome::Instead(answer)) => Ending::Answered(answer),
        Some(Outcome::Cut(CutPoint::Before)) => Ending::NoReply,
        Some(Outcome::After(answer)) => {
            work(seq).await;
            Ending::Answered(answer)
        }
        Some(Outcome::Cut(CutPoint::After)) => {
            work(seq).await;
            Ending::NoReply
        }
        Some(Outcome::Cut(CutPoint::Body)) => match work(seq).await {
            Ending::Answered(answer) => Ending::BrokenBody(answer),
            other => other,
        },
    };
    if let Ending::Answered(answer) = &ending {
        shared.world().journal.close(seq, answer.status);
    }
    drop(turn);
    ending
}

/// A user's turn to write; it ends with the exchange, however that ends.
struct Turn {
    shared: Shared,
    user: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.world().turns.end(&self.user);
    }
}

/// The same response with a body that promises its whole length and breaks after its first half.
async fn broken(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let mut whole = body
        .collect()
        .await
        .map(|collected| collected.to_bytes())
        .unwrap_or_default();
    if whole.is_empty() {
        // An empty answer has no middle; it promises a body that never comes.
        whole = Bytes::from(print_json(&serde_json::Value::Null, false));
    }
    parts.headers.insert("content-length", whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    let chunks = stream::unfold(Some(half), |rest| async move {
        match rest {
            Some(half) => Some((Ok(half), None)),
            None => {
                // Lets hyper send the first half before the failure drops the connection.
                tokio::time::sleep(Duration::from_millis(5)).await;
                Some((Err(io::Error::other("cut by a fault")), None))
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(chunks))
}
