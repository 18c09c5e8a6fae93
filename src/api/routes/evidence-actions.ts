import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { z } from 'zod'
import { type NamedScope, scopeOf } from '../../evidence/bundle/scope.ts'
import { writeBundle } from '../../evidence/bundle/write.ts'
import { packZip } from '../../evidence/bundle/zip.ts'
import { audit } from '../../store/audit.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { bundleBody } from '../schemas/actions.ts'

const ZIP = 'application/zip'

export const EVIDENCE_ACTIONS: readonly Route[] = [
  route({
    method: 'POST',
    path: '/v1/evidence/bundle',
    id: 'exportBundle',
    tag: 'evidence',
    summary: 'Export what was logged in a period as a bundle (ZIP), with all that is needed to verify it offline',
    permission: 'evidence',
    params: NOTHING,
    query: NOTHING,
    body: bundleBody,
    answer: NONE,
    type: ZIP,
    cost: 'heavy',
    handle: async (context, { body }) => {
      const stream = await inTurn(() => exportBundle(context, body))
      return { stream, type: ZIP, filename: fileName(body) }
    },
  }),
]

let isBusy = false

/** One at a time in this process: each takes disk, and all of a processor. */
async function inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
  if (isBusy) throw new Problem(429, 'Another bundle is being made: ask again when it is done.')
  isBusy = true
  try {
    return await work()
  } finally {
    isBusy = false
  }
}

type BundleBody = z.output<typeof bundleBody>

/** Made whole before the first byte is sent: what fails is told by a status, not by a ZIP that is cut. */
async function exportBundle({ deps, actor, signal }: RouteContext, body: BundleBody): Promise<Readable> {
  const { report, sequencer, workFolder } = deps.actions
  const made = await report()
  const { from, to, sinceCheckpoint, ...names } = body
  const scope = await scopeOf(made, namedScope({ from, to, ...names }), { prefix: '', quote: false })
  await sequencer.run(signal)
  const work = await workFolder.make()
  try {
    const folder = join(work.path, 'bundle')
    await mkdir(folder, { mode: 0o700 })
    const { manifest, paths } = await writeBundle(made, {
      scope,
      signers: await sequencer.signers(),
      folder,
      ...(sinceCheckpoint === undefined ? {} : { since: sinceCheckpoint }),
      onProgress: () => signal.throwIfAborted(),
    })
    const zip = join(work.path, 'bundle.zip')
    await packZip(folder, paths, zip, made.now())
    // What nobody could log nobody is given.
    const detail = { from, to, ...names, entries: manifest.entries.reduce((sum, { count }) => sum + count, 0) }
    await audit(deps.db, { actor: actor.name, action: 'report.evidence', subject: fileName(body), detail, at: deps.now() })
    const stream = createReadStream(zip)
    stream.once('close', () => {
      work.remove().catch((error: unknown) => deps.logger.warn({ err: error }, 'a bundle that was handed out was not removed'))
    })
    return stream
  } catch (error) {
    await work.remove()
    throw error
  }
}

function namedScope({ from, to, ...names }: Omit<BundleBody, 'sinceCheckpoint'>): NamedScope {
  const { framework, control, identity, system } = names
  return {
    from: Temporal.Instant.from(from),
    to: Temporal.Instant.from(to),
    ...(framework === undefined ? {} : { framework }),
    ...(control === undefined ? {} : { control }),
    ...(identity === undefined ? {} : { identity }),
    ...(system === undefined ? {} : { system }),
  }
}

/** `revenant-20270101-20270201.zip`: by its period in UTC. */
function fileName({ from, to }: Pick<BundleBody, 'from' | 'to'>): string {
  const [first, last] = [from, to].map((at) => Temporal.Instant.from(at).toString().slice(0, 10).replaceAll('-', ''))
  return `revenant-${first}-${last}.zip`
}
