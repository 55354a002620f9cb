//! SQL and nothing else; every query starts from the tenant.
