//! Sealing values for their row, with the engine's keys and randomness.
use super::Engine;
use crate::domain::ids::TenantId;
use crate::domain::seal::{SealContext, SealError};
use zeroize::Zeroizing;

impl Engine {
    /// Seals `plain` for one column of one row.
    pub fn seal(&self, table: &str, column: &str, tenant: TenantId, row: &str, plain: &[u8]) -> Vec<u8> {
        let tenant = tenant.to_string();
        self.keys.seal(
            &*self.entropy,
            &SealContext {
                table,
                column,
                tenant: &tenant,
                row,
            },
            plain,
        )
    }

    /// Opens what was sealed for this column of this row.
    pub fn open(
        &self,
        table: &str,
        column: &str,
        tenant: TenantId,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let tenant = tenant.to_string();
        self.keys.open(
            &SealContext {
                table,
                column,
                tenant: &tenant,
                row,
            },
            sealed,
        )
    }
}
