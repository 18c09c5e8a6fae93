import { z } from 'zod'
import { line, reference } from '../../config/scalar.ts'
import { sourceKind } from './source.ts'

const SILENT_MS = 7 * 86_400_000

/** The keys of a source that an identity provider writes to, by SCIM 2.0. */
export const scimOptions = z.strictObject({
  tokens: z
    .array(reference())
    .min(1, { error: 'must hold at least one token' })
    .max(10, { error: 'must hold at most 10 tokens' })
    .describe('References to the bearer tokens that the provider may use; two of them while one is replaced by the other.'),
  externalId: z
    .enum(['userName', 'externalId', 'email', 'employeeNumber'])
    .default('userName')
    .describe('Which attribute of a user is the external id here, by which identities of other sources are found.'),
  organization: line().exactOptional().describe('Only users of this enterprise organization; left out: all.'),
})
export type ScimOptions = z.output<typeof scimOptions>

/** SCIM 2.0, served under `/scim/v2` (`src/api/scim`): the provider says something only when something changes. */
export const SCIM = sourceKind({ schema: scimOptions, silentAfterMs: SILENT_MS })
