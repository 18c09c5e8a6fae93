import { z } from 'zod'
import { duration } from './duration.ts'
import { line, name, printable, reference } from './scalar.ts'

const anchorName = () => name().describe('Unique. What commands call the anchor.')
const url = (what: string) =>
  z
    .string()
    .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), { error: 'must be an http:// or https:// URL' })
    .describe(what)

const authorization = () =>
  reference().exactOptional().describe('The value of the Authorization header: a reference, whole, such as `Bearer …`.')

const anchor = z.discriminatedUnion('kind', [
  z.strictObject({
    name: anchorName(),
    kind: z.literal('file').describe('`file`: appends each checkpoint to a file, e.g. on storage that cannot be rewritten.'),
    path: line().describe('The file; made where it is missing.'),
  }),
  z.strictObject({
    name: anchorName(),
    kind: z.literal('webhook').describe('`webhook`: POSTs each checkpoint as text/plain.'),
    url: url('The receiver.'),
    authorization: authorization(),
  }),
  z.strictObject({
    name: anchorName(),
    kind: z.literal('witness').describe('`witness`: asks a witness to cosign each checkpoint (C2SP tlog-witness).'),
    url: url("The witness's submission prefix; `/add-checkpoint` is appended."),
    vkey: printable(4_000)
      .regex(/^[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/, { error: 'must be a verifier key: name+id+base64' })
      .describe("The witness's verifier key."),
    authorization: authorization(),
  }),
  z.strictObject({
    name: anchorName(),
    kind: z.literal('rfc3161').describe('`rfc3161`: has each checkpoint timestamped by a time-stamping authority.'),
    url: url('The authority.'),
    ca: line().describe('PEM file of the certificates that its signing certificate must lead to.'),
    authorization: authorization(),
  }),
])
export type AnchorConfig = z.output<typeof anchor>

/** The evidence ledger. */
export const ledgerSchema = z
  .strictObject({
    origin: printable(200)
      .regex(/^[^\s+]+$/, { error: 'must be free of spaces and plus signs, e.g. log.example.com/revenant' })
      .exactOptional()
      .describe(
        "The log's name, for good: the first line of its checkpoints. Left out: one is made when the log begins, and kept in the database.",
      ),
    publish: z
      .boolean()
      .default(false)
      .describe(
        'Serve checkpoint, tiles and entries under /ledger/ at `listen`, to whoever reaches it. They hold digests and ids.',
      ),
    anchorEvery: duration('1m', '30d')
      .prefault('1h')
      .describe('How often the newest checkpoint is anchored, if there is a new one.'),
    anchors: z
      .array(anchor)
      .max(20, { error: 'must have at most 20 anchors' })
      .default([])
      .superRefine((anchors, ctx) => {
        anchors.forEach((each, index) => {
          if (anchors.findIndex((other) => other.name === each.name) < index)
            ctx.addIssue({ code: 'custom', path: [index, 'name'], message: 'is the name of another anchor' })
        })
      })
      .describe('Who else is told of checkpoints, so that the past cannot be rewritten here unseen. See docs/ledger.md.'),
  })
  .transform(({ anchorEvery, ...rest }) => ({ ...rest, anchorEveryMs: anchorEvery }))
