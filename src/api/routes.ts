import { EVIDENCE_ROUTES } from './evidence-routes.ts'
import { openApiRoute } from './openapi.ts'
import type { Route } from './route.ts'
import { ACCESS_ROUTES } from './routes/access.ts'
import { ALERTS_ROUTES } from './routes/alerts.ts'
import { AUDIT_ROUTES } from './routes/audit.ts'
import { CREDENTIALS_ROUTES } from './routes/credentials.ts'
import { DELIVERY_ACTIONS } from './routes/delivery-actions.ts'
import { EVENT_ROUTES } from './routes/events.ts'
import { EVIDENCE_READ_ROUTES } from './routes/evidence.ts'
import { EVIDENCE_ACTIONS } from './routes/evidence-actions.ts'
import { EXEMPTION_ACTIONS } from './routes/exemption-actions.ts'
import { EXEMPTIONS_ROUTES } from './routes/exemptions.ts'
import { FINDING_ACTIONS } from './routes/finding-actions.ts'
import { FINDINGS_ROUTES } from './routes/findings.ts'
import { GRANTS_ROUTES } from './routes/grants.ts'
import { IDENTITIES_ROUTES } from './routes/identities.ts'
import { IDENTITY_ACTIONS } from './routes/identity-actions.ts'
import { INTAKE_ACTIONS } from './routes/intake-actions.ts'
import { OBSERVATIONS_ROUTES } from './routes/observations.ts'
import { OVERVIEW_ROUTES } from './routes/overview.ts'
import { OWNERSHIP_ROUTES } from './routes/ownership.ts'
import { SCAN_ACTIONS } from './routes/scan-actions.ts'
import { SETUP_ROUTES } from './routes/setup.ts'
import { SINK_ACTIONS } from './routes/sink-actions.ts'
import { SINKS_ROUTES } from './routes/sinks.ts'
import { SOURCES_ROUTES } from './routes/sources.ts'
import { SYSTEM_ACTIONS } from './routes/system-actions.ts'
import { SYSTEMS_ROUTES } from './routes/systems.ts'
import { TRIALS_ROUTES } from './routes/trials.ts'

/** Every address of the API under /v1 but the auditors' pulls (`evidence.ts`), which keep a kernel of their own. */
export const ROUTES: readonly Route[] = [
  openApiRoute(() => ({ routes: ROUTES, pulls: EVIDENCE_ROUTES })),
  ...ACCESS_ROUTES,
  ...OVERVIEW_ROUTES,
  ...IDENTITIES_ROUTES,
  ...CREDENTIALS_ROUTES,
  ...SYSTEMS_ROUTES,
  ...TRIALS_ROUTES,
  ...OBSERVATIONS_ROUTES,
  ...FINDINGS_ROUTES,
  ...EXEMPTIONS_ROUTES,
  ...GRANTS_ROUTES,
  ...ALERTS_ROUTES,
  ...SINKS_ROUTES,
  ...AUDIT_ROUTES,
  ...EVIDENCE_READ_ROUTES,
  ...IDENTITY_ACTIONS,
  ...OWNERSHIP_ROUTES,
  ...INTAKE_ACTIONS,
  ...SCAN_ACTIONS,
  ...SYSTEM_ACTIONS,
  ...FINDING_ACTIONS,
  ...EXEMPTION_ACTIONS,
  ...SINK_ACTIONS,
  ...SOURCES_ROUTES,
  ...DELIVERY_ACTIONS,
  ...EVIDENCE_ACTIONS,
  ...SETUP_ROUTES,
  ...EVENT_ROUTES,
]
