//! `/tenant`: the caller's own tenant and its settings.
use super::page;
use crate::domain::settings::{EffectiveSettings, TenantDefaults, TenantSettings};
use crate::engine::tenants::TenantPatch;
use crate::store::tenants::Tenant;
use crate::web::WebState;
use crate::web::fields::JsonFields;
use crate::web::problem::Problem;
use crate::web::request::ByTenant;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(show, patch))
}

/// The settings of a tenant. In a patch a value sets, and null goes back to the installation's default.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes TenantSettings and EffectiveSettings, which know no HTTP"
)]
struct SettingsBody {
    /// Who wins when both sides changed the same field: `origin`, `google`, `app` or `ask`.
    conflict: Option<String>,
    /// What a cancellation made in Google does: `apply` or `ask`.
    inbound_cancel: Option<String>,
    /// What a move made in Google does: `apply` or `ask`.
    inbound_move: Option<String>,
    /// What a change from the app to an event with Google guests does: `ask` or `push`.
    guests: Option<String>,
    /// Share of the mirrored items above which deletions wait, above 0 and up to 1.
    brake_share: Option<f64>,
    /// Deletions below this number never wait.
    brake_min: Option<u32>,
    /// Country code (ISO 3166-1 alpha-2): how telephone numbers without a country code are read.
    region: Option<String>,
    /// IANA name for new users.
    time_zone: Option<String>,
    /// The language of mails: `en`, `es` or `de`.
    language: Option<String>,
    /// Who sends mails to customers: an address, or `Name <address>`. The mail server must accept it; without one no mail is proposed.
    #[schema(example = "Acme <mail@acme.example>")]
    sender: Option<String>,
    /// How long before the start customers are reminded: minutes (m), hours (h) or days (d), longest first; empty: not at all.
    #[schema(example = "24h, 1h")]
    reminders: Option<String>,
    /// Who is told when something waits for the tenant.
    #[schema(required = false)]
    admin_email: String,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
struct TenantBody {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// What the tenant has set.
    #[schema(value_type = SettingsBody)]
    settings: TenantSettings,
    /// What is in force.
    #[schema(value_type = SettingsBody)]
    effective: EffectiveSettings,
    /// The operator lets the tenant's app say yes for its users (`POST /consents/{id}/approve`). Only the operator can change it.
    app_asserted: bool,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
}

/// What a tenant can change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct TenantPatchBody {
    name: Option<String>,
    settings: Option<SettingsBody>,
}

impl TenantBody {
    fn new(tenant: Tenant, app_asserted: bool, defaults: &TenantDefaults) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name,
            effective: tenant.settings.effective(defaults),
            settings: tenant.settings,
            app_asserted,
            created_at: page::instant(tenant.created_at),
            updated_at: page::instant(tenant.updated_at),
        }
    }
}

/// Shows the tenant and its settings.
#[utoipa::path(get, path = "/tenant", tag = "tenant",
    responses((status = 200, body = TenantBody, description = "The tenant.")))]
async fn show(State(state): State<WebState>, ByTenant(tenant, _): ByTenant) -> Result<Json<TenantBody>, Problem> {
    let asserted = state.engine.is_app_asserted(tenant).await?;
    let tenant = state.engine.tenant(tenant).await?;
    Ok(Json(TenantBody::new(tenant, asserted, &state.defaults)))
}

/// Changes the tenant's name and settings (JSON merge patch, RFC 7396).
#[utoipa::path(patch, path = "/tenant", tag = "tenant", request_body = TenantPatchBody,
    responses((status = 200, body = TenantBody, description = "The tenant.")))]
async fn patch(
    State(state): State<WebState>,
    ByTenant(tenant, _): ByTenant,
    JsonFields { mut fields, .. }: JsonFields,
) -> Result<Json<TenantBody>, Problem> {
    let name = fields.text("name");
    let settings = fields.object("settings").unwrap_or_default();
    fields.read_only(&["id", "effective", "app_asserted", "created_at", "updated_at"], "");
    let bad = fields.finish();
    let patch = TenantPatch { name, settings, bad };
    let tenant = state.engine.patch_tenant(tenant, &patch).await?;
    let asserted = state.engine.is_app_asserted(tenant.id).await?;
    Ok(Json(TenantBody::new(tenant, asserted, &state.defaults)))
}
