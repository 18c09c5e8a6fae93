import { z } from 'zod'
import { reference, timeZone } from '../../config/scalar.ts'
import { apiPath, credentialOptions, httpsOrigin } from './api-options.ts'
import { personMap, wordMap } from './person-map.ts'
import { PRESET_NAMES } from './presets.ts'
import { signatureSchema } from './signature.ts'

const shape = z.strictObject({
  preset: z.enum(PRESET_NAMES).exactOptional().describe('An HR system whose signature, events and API are known.'),
  secrets: z
    .array(reference())
    .min(1, { error: 'must hold at least one secret' })
    .max(10, { error: 'must hold at most 10 secrets' })
    .describe('References to the signing secrets; two of them while one is replaced by the other.'),
  signature: signatureSchema.exactOptional().describe('How what comes is signed.'),
  map: personMap.exactOptional().describe('Where the body says what; over those of the preset.'),
  statuses: wordMap().exactOptional().describe('What the words of the status mean; over those of the preset.'),
  types: wordMap().exactOptional().describe('What the types of events mean; over those of the preset. Others are passed over.'),
  timeZone: timeZone().exactOptional().describe('Of days without a zone. Left out: policy.timeZone.'),
  api: z
    .strictObject({
      origin: httpsOrigin().describe('Where people are asked for: scheme and host.'),
      path: apiPath()
        .refine((path) => path.split('{key}').length === 2, { error: 'must hold {key} once' })
        .exactOptional()
        .describe('With `{key}` where the key goes; over that of the preset.'),
      ...credentialOptions,
      map: personMap.exactOptional().describe('Where the answer says what; over those of the preset.'),
    })
    .exactOptional()
    .describe('By what people are asked for where an event does not tell enough.'),
})

/** The keys of a source that an HR system tells by webhooks. */
export const webhookOptions = shape
  .refine(({ preset, signature }) => preset !== undefined || signature !== undefined, {
    path: ['signature'],
    error: 'is needed where there is no preset',
  })
  .refine(({ preset, map }) => preset !== undefined || map?.key !== undefined, {
    path: ['map'],
    error: 'needs a key where there is no preset',
  })
  .refine(
    ({ preset, map }) =>
      preset !== undefined || [map?.status, map?.type, map?.terminationDate].some((each) => each !== undefined),
    {
      path: ['map'],
      error: 'needs status, type or terminationDate where there is no preset: nothing would be said of anybody',
    },
  )
  .refine(
    ({ preset, signature, map }) =>
      preset !== undefined ||
      signature?.timestamp !== undefined ||
      signature?.id !== undefined ||
      map?.event !== undefined ||
      map?.at !== undefined,
    {
      path: ['signature'],
      error:
        'needs a timestamp or an id, or map needs event or at: two departures of one person would look like one that is sent twice',
    },
  )
  .refine(({ preset, api }) => preset !== undefined || api === undefined || (api.path !== undefined && api.map !== undefined), {
    path: ['api'],
    error: 'needs path and map where there is no preset',
  })
  .refine(({ preset, api }) => preset !== 'bamboohr' || api !== undefined, {
    path: ['api'],
    error: 'is needed: the events of BambooHR have no values',
  })
export type WebhookOptions = z.output<typeof webhookOptions>
