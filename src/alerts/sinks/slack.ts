import { z } from 'zod'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { httpSink } from './http.ts'
import { urlField } from './http-address.ts'
import { type HttpAnswer, isSuccess, type KnownCode, refusedBy, unexpected } from './http-answer.ts'
import { commonFields, formatField, type Sink, type SinkDeps, tlsFields } from './sink.ts'

export const slackEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    format: formatField(['slack']),
    sink: z.literal('slack'),
    to: urlField('The incoming webhook URL. Whoever has it can post: make it a reference.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

/** The words that Slack answers with instead of codes (api.slack.com, "Sending messages using incoming webhooks", "Handling errors"). */
const WORDS: Readonly<Record<string, KnownCode>> = {
  invalid_payload: { retry: false, advice: 'Slack cannot read the message: check that the format is slack.' },
  invalid_blocks: { retry: false, advice: 'Slack cannot read the message: check that the format is slack.' },
  no_text: { retry: false, advice: 'Slack found no message: check that the format is slack.' },
  msg_blocks_too_long: { retry: false, advice: 'The message is too long for Slack.' },
  user_not_found: { retry: true, advice: 'The user or the channel of the webhook is gone: make a new webhook.' },
  channel_not_found: { retry: true, advice: 'The channel of the webhook is gone: make a new webhook.' },
  channel_is_archived: { retry: true, advice: 'The channel of the webhook is archived: unarchive it, or make a new webhook.' },
  action_prohibited: { retry: true, advice: 'An administrator of the workspace forbids webhooks to post there.' },
  posting_to_general_channel_denied: { retry: true, advice: 'An administrator of the workspace forbids webhooks to post there.' },
  invalid_token: { retry: true, advice: 'The webhook URL is not valid any more: make a new webhook.' },
  no_active_hooks: { retry: true, advice: 'The webhook is switched off: make a new one.' },
  no_service: { retry: true, advice: 'The webhook was removed or its URL is not whole: make a new one.' },
  no_service_id: { retry: true, advice: 'The webhook URL is not whole: copy it again.' },
  no_team: { retry: true, advice: 'The workspace is gone, or the webhook URL is not whole.' },
  team_disabled: { retry: true, advice: 'The workspace is switched off.' },
  rate_limited: { retry: true, advice: 'Slack takes about one message a second: send less with minSeverity and kinds.' },
}

/**
 * Posts each alert to an incoming webhook of Slack. Delivered: Slack answered `ok`. Incoming webhooks know no message ids: a retry
 * after a lost answer shows the message twice.
 */
export function openSlack(entry: z.output<typeof slackEntry>, deps: SinkDeps): Sink {
  return httpSink(entry, deps, {
    kind: 'slack',
    async deliver({ rendered }, http) {
      const answer = await http.post({ headers: { 'content-type': rendered.contentType }, body: rendered.body, read: 'all' })
      const word = wordOf(answer)
      if (isSuccess(answer) && word === 'ok') return { detail: { status: answer.status } }
      if (isSuccess(answer)) throw unexpected(entry.name, answer)
      throw refusedBy(entry.name, answer, WORDS, word)
    },
  })
}

/** The whole answer, where it is one short word. */
function wordOf({ body }: HttpAnswer): string | undefined {
  const text = body?.toString().trim()
  return text !== undefined && /^[a-z_]{2,40}$/.test(text) ? text : undefined
}
