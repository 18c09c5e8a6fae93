import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { z } from 'zod'
import { type NamedScope, scopeOf } from '../../evidence/bundle/scope.ts'
import { writeBundle } from '../../evidence/bundle/write.ts'
import { packZip } from '../../evidence/bundle/zip.ts'
import type { Problem as Falsehood } from '../../evidence/verify/problems.ts'
import { openBundle } from '../../evidence/verify/source.ts'
import { isChosen, type VerifyResult, verifyBundle } from '../../evidence/verify/verify.ts'
import { audit } from '../../store/audit.ts'
import { ledgerVkeys } from '../../store/evidence.ts'
import { Problem } from '../problem.ts'
import { NONE, NOTHING, type Route, type RouteContext, route } from '../route.ts'
import { bundleBody, type VerifyAnswer, verifyAnswer, verifyQuery } from '../schemas/actions.ts'

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
      const stream = await inTurn('made', () => exportBundle(context, body))
      return { stream, type: ZIP, filename: fileName(body) }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/evidence/verify',
    id: 'verifyBundle',
    tag: 'evidence',
    summary: 'Verify a bundle (ZIP). An auditor should trust `revenant verify` on a machine of his own instead',
    permission: 'evidence',
    params: NOTHING,
    query: verifyQuery,
    body: NONE,
    uploads: [ZIP],
    answer: verifyAnswer,
    cost: 'heavy',
    handle: async (context, { query }) => {
      const { upload } = context
      if (upload === undefined) throw new Problem(415, `Send a bundle as ${ZIP}.`)
      return { body: answerOf(await inTurn('verified', () => verifyUpload(context, upload, query.keys === 'ours'))) }
    },
  }),
]

const busy = new Set<string>()

/** One at a time in this process: each takes disk, and all of a processor. */
async function inTurn<Value>(what: 'made' | 'verified', work: () => Promise<Value>): Promise<Value> {
  if (busy.has(what)) throw new Problem(429, `Another bundle is being ${what}: ask again when it is done.`)
  busy.add(what)
  try {
    return await work()
  } finally {
    busy.delete(what)
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

async function verifyUpload({ deps }: RouteContext, upload: Readable, byOurs: boolean): Promise<VerifyResult> {
  const work = await deps.actions.workFolder.make()
  try {
    const path = join(work.path, 'bundle.zip')
    await pipeline(upload, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    const source = await openBundle(path, 'what was sent')
    try {
      return await verifyBundle(source, { vkeys: byOurs ? await ledgerVkeys(deps.db) : [] })
    } finally {
      await source.close()
    }
  } finally {
    await work.remove()
  }
}

function answerOf({ manifest, checks, firstFalse, signedBy, keysGiven, holds }: VerifyResult): VerifyAnswer {
  return {
    holds,
    keysGiven,
    chosen: manifest !== undefined && isChosen(manifest),
    signedBy: [...signedBy],
    manifest: manifest === undefined ? null : manifestOf(manifest),
    checks: checks.map(({ name, holds, open, detail, count, problems }) => {
      return { name, holds, open, detail, count, problems: problems.map(told) }
    }),
    firstFalse: firstFalse === undefined ? null : told(firstFalse),
  }
}

function manifestOf({ madeAt, period, log, entries, files, ...counts }: NonNullable<VerifyResult['manifest']>) {
  const { gone, altered, removed } = counts
  return {
    madeAt: Temporal.Instant.from(madeAt).toString(),
    origin: log.origin,
    size: log.size,
    ...period,
    entries,
    files: files.length,
    ...{ gone, altered, removed },
  }
}

function told({ file, line, offset, stretch, what }: Falsehood) {
  return { file, line: line ?? null, offset: offset ?? null, stretch: stretch ?? null, what }
}
