import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { httpSink } from './http.ts'
import { urlField } from './http-address.ts'
import { isPage, isSuccess, jsonOf, type KnownCode, refusedBy, unexpected } from './http-answer.ts'
import { commonFields, formatField, type Sink, type SinkDeps, tlsFields } from './sink.ts'

export const teamsEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    format: formatField(['teams']),
    sink: z.literal('teams'),
    to: urlField('The URL of the workflow. Its `sig` is a secret: make it a reference.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

/** Microsoft Teams connector, "Known issues": about 28 KB a message. */
const MOST_BYTES = 28_000

/** Error codes of workflow triggers (Azure Logic Apps) that an operator can mend. */
const ERRORS: Readonly<Record<string, KnownCode>> = {
  WorkflowNotFound: { retry: true, advice: 'The workflow is gone: make a new one, and give the entry its URL.' },
  WorkflowTriggerNotFound: { retry: true, advice: 'The workflow has no such trigger any more: copy its URL again.' },
  WorkflowTriggerIsNotEnabled: {
    retry: true,
    advice: 'The workflow is switched off: switch it on. Those of people who have left are switched off by Microsoft.',
  },
  WorkflowDisabled: { retry: true, advice: 'The workflow is switched off: switch it on.' },
  DirectApiAuthorizationRequired: {
    retry: true,
    advice: 'The trigger wants a signed-in user, or `sig` is missing: let anyone trigger it, and copy its URL again.',
  },
  DirectApiRequestHasMoreThanOneAuthorization: {
    retry: true,
    advice: 'The URL and a header both authenticate: copy the URL again.',
  },
  AuthorizationFailed: { retry: true, advice: 'The `sig` of the URL is not valid any more: copy it again.' },
  TriggerInputSchemaMismatch: {
    retry: false,
    advice: 'The trigger expects another document: use the trigger for Teams webhooks, and the format teams.',
  },
  TriggerRequestMethodNotValid: { retry: true, advice: 'The trigger takes no POST: use the trigger for Teams webhooks.' },
}
const errorAnswer = z.object({ error: z.object({ code: z.string() }) })

/**
 * Posts each alert to a workflow of Microsoft Teams ("When a Teams webhook request is received"). Delivered: the workflow has taken
 * it (202); whether the card then shows is in the run history of the workflow. A retry after a lost answer shows it twice.
 */
export function openTeams(entry: z.output<typeof teamsEntry>, deps: SinkDeps): Sink {
  return httpSink(entry, deps, {
    kind: 'teams',
    mostBytes: MOST_BYTES,
    async deliver({ rendered }, http) {
      const answer = await http.post({ headers: { 'content-type': rendered.contentType }, body: rendered.body, read: 'refusal' })
      if (isSuccess(answer) && !isPage(answer)) return { detail: { status: answer.status } }
      if (isSuccess(answer)) throw unexpected(entry.name, answer)
      throw refusedBy(entry.name, answer, ERRORS, jsonOf(answer, errorAnswer)?.error.code)
    },
  })
}
