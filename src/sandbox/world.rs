//! Everything this pretend Google and the mail server beside it know, in one value behind one lock.
//!
//! Whatever answers a request is a function of this value and the request; sockets and sleeping are elsewhere.
use super::{
    SandboxOptions,
    api::people::{PeopleQuota, Turns},
    calendar::CalendarService,
    clock::Clock,
    faults::Faults,
    journal::Journal,
    mint::Mint,
    oauth::{OAuthClient, grants::Grants},
    people::PeopleService,
    quota::Quota,
    refusal::QuotaForm,
    request::{Request, first, form_pairs},
    smtp::MailService,
    users::{NewPerson, Person, Users},
};

/// Behaviour of the front that tests can change.
#[derive(Debug, Clone)]
pub struct Switches {
    /// The operator never enabled the Calendar API.
    pub api_disabled: bool,
    /// The same for the People API.
    pub people_api_disabled: bool,
    /// How a used-up quota is refused.
    pub quota_form: QuotaForm,
    /// Sent as `Retry-After` with quota refusals; Google was seen to send none.
    pub retry_after: Option<String>,
    /// Most parts of a batch: 1000, formerly 50.
    pub batch_limit: usize,
}

/// The state of the sandbox.
pub struct World {
    /// Its time.
    pub clock: Clock,
    /// Its source of opaque values.
    pub mint: Mint,
    /// Its users.
    pub users: Users,
    /// The applications it knows.
    pub clients: Vec<OAuthClient>,
    /// Who granted what to whom.
    pub grants: Grants,
    /// What was spent.
    pub quota: Quota,
    /// What goes wrong next.
    pub faults: Faults,
    /// What was asked.
    pub journal: Journal,
    /// What tests changed.
    pub switches: Switches,
    /// The Calendar service.
    pub calendar: CalendarService,
    /// The People service.
    pub people: PeopleService,
    /// What was spent of its quotas.
    pub people_quota: PeopleQuota,
    /// Who is writing there.
    pub turns: Turns,
    /// The mail server.
    pub mail: MailService,
}

impl World {
    /// A world as the options describe it. A person that cannot be made is an error text.
    pub fn new(options: &SandboxOptions) -> Result<Self, String> {
        let mut world = Self {
            clock: Clock::new(options.start_us, options.frozen),
            mint: Mint::new(options.seed),
            users: Users::default(),
            clients: vec![OAuthClient {
                client_id: options.client_id.clone(),
                client_secret: options.client_secret.clone(),
                redirect_uris: options.redirect_uris.clone(),
            }],
            grants: Grants::new(options.testing),
            quota: Quota::default(),
            faults: Faults::default(),
            journal: Journal::new(options.log_capacity),
            switches: Switches {
                api_disabled: false,
                people_api_disabled: false,
                quota_form: QuotaForm::default(),
                retry_after: None,
                batch_limit: 1_000,
            },
            calendar: CalendarService::new(),
            people: PeopleService::new(),
            people_quota: PeopleQuota::default(),
            turns: Turns::default(),
            mail: MailService::new(options.smtp_auth.clone(), options.log_capacity),
        };
        for person in &options.people {
            world.add_person(person.clone())?;
        }
        Ok(world)
    }

    /// Makes a pretend user with a primary calendar and no contacts.
    pub fn add_person(&mut self, new: NewPerson) -> Result<Person, String> {
        if let Some(zone) = &new.time_zone
            && zone.parse::<chrono_tz::Tz>().is_err()
        {
            return Err(format!("`{zone}` is no IANA time zone"));
        }
        let person = self.users.add(new, &mut self.mint)?;
        self.calendar
            .add_user(&person.email, &person.time_zone, self.clock.now_us());
        self.people
            .add_user(&person.email, &person.sub, &person.name, &person.time_zone);
        Ok(person)
    }

    /// For whom a request is made, for the request log and for faults: as [`World::user_of`], and at the token endpoint
    /// the owner of the refresh token.
    pub fn subject_of(&self, request: &Request) -> Option<&Person> {
        if request.path != "/token" {
            return self.user_of(request);
        }
        let form = form_pairs(&String::from_utf8_lossy(&request.body));
        let owner = first(&form, "refresh_token").and_then(|token| self.grants.owner_of_refresh_token(token));
        owner.and_then(|sub| self.users.by_sub(sub))
    }

    /// Whose credential a request carries, when it is a good one.
    pub fn user_of(&self, request: &Request) -> Option<&Person> {
        match request.person() {
            Some(email) => self.users.by_email(email),
            None => {
                let held = self.grants.access_token(request.credential()?, self.clock.now_us())?;
                self.users.by_sub(&held.sub)
            }
        }
    }
}
