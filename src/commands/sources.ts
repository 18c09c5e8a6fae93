import { type AppliedTo, answersTo } from '../intake/feed/applied.ts'
import { type Decided, decideHeld, type HeldDecision } from '../intake/feed/decide.ts'
import { outOfSightCounts } from '../intake/feed/out-of-sight.ts'
import { feedPage, statementPage, type ToldStatement } from '../store/feed-page.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'

const MOST = 500

/** `revenant sources list` */
export async function list(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const rows = await feedPage(runtime.store.db, { sort: 'name', limit: MOST, after: undefined })
    const now = runtime.now()
    const { io } = context
    const unseen = await outOfSightCounts(runtime.store.db, now)
    const told = rows.map(({ keys: _, ...row }) => {
      const silent = Temporal.Instant.compare(Temporal.Instant.from(row.silentAt), now) < 0
      const state = row.retired
        ? 'removed'
        : silent
          ? 'silent'
          : row.fault !== null
            ? 'failing'
            : row.heardAt === null
              ? 'waiting'
              : 'heard'
      return { ...row, outOfSight: unseen.get(row.id) ?? 0, state }
    })
    if (options.json) {
      for (const row of told) json(io, row)
      return EXIT.ok
    }
    if (told.length === 0) {
      line(io, `No sources yet: add one to \`sources\` in ${context.configPath}, or import files.`)
      return EXIT.ok
    }
    io.out(
      table(
        io,
        ['NAME', 'KIND', 'STATE', 'HEARD', 'HERE', 'GONE', 'HELD', 'REFUSED', 'FAULT'],
        told.map(({ name, kind, state, heardAt, present, gone, held, refused, fault }) => {
          const heard = heardAt === null ? 'never' : ago(now, Temporal.Instant.from(heardAt))
          const words = refused === null ? '0' : `${refused.count}, ${ago(now, Temporal.Instant.from(refused.lastAt))}`
          return [name, kind, state, heard, String(present), String(gone), String(held), words, fault ?? '']
        }),
      ),
    )
    if (told.some(({ refused }) => refused !== null))
      line(
        io,
        '\n`revenant sources faults` shows of whom something was said that could not be taken: a departure may be among it.',
      )
    for (const { name, outOfSight } of told)
      if (outOfSight > 0)
        line(
          io,
          `\n${name} is asked for others than before: it tells no more of ${outOfSight} who ${outOfSight === 1 ? 'is' : 'are'} here. \`revenant sources out-of-sight ${name}\` shows who.`,
        )
    if (told.some(({ held }) => held > 0)) line(io, '\n`revenant sources held` shows what waits for a decision.')
    return EXIT.ok
  })
}

/** `revenant sources pull NAME` */
export async function pull(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    await runtime.feeds.pullNow(name, runtime.feedDeps)
    return done(context.io, options.json, { asked: name }, `${name} answered, and what it said is taken.`)
  })
}

/** `revenant sources held [--source NAME]` */
export async function held(context: CommandContext, options: { json: boolean; source?: string }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const rows = await statementPage(
      runtime.store.db,
      { state: ['held'], source: options.source },
      { sort: '-at', limit: MOST, after: undefined },
    )
    const { io } = context
    if (options.json) {
      for (const { keys: _, said, ...row } of rows) json(io, { ...row, answers: answersTo({ ...row, said }) })
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(io, 'Nothing waits for a decision.')
      return EXIT.ok
    }
    const now = runtime.now()
    io.out(
      table(
        io,
        ['ID', 'SOURCE', 'WHO', 'SAYS', 'WHY HELD', 'AGE', 'DELIVERY'],
        rows.map(({ id, source, identity, called, says, effectiveAt, reason, at, deliveryId }) => {
          const who = identity?.externalId ?? called
          const word = effectiveAt === null ? says : `${says} ${minute(effectiveAt)}`
          return [id, source.name, who, word, reason ?? '', ago(now, Temporal.Instant.from(at)), deliveryId.slice(-8)]
        }),
      ),
    )
    const doubtful = rows.filter(({ reason }) => reason === 'identifier_reuse')
    if (doubtful.length > 0) {
      line(io, '\nWhoever has a known name and a new id may be somebody else. What either answer comes to:')
      for (const row of doubtful) for (const told of answerLines(row, now)) line(io, told)
    }
    const missing = rows.filter(({ reason }) => reason === 'named_elsewhere')
    if (missing.length > 0) {
      line(
        io,
        '\nWhoever is missing under a known id, and named under another one or none, may well be here. What either answer comes to:',
      )
      for (const row of missing) for (const told of missingLines(row, now)) line(io, told)
    }
    line(io, '\n`revenant sources apply ID...` takes them as they were said, `revenant sources dismiss ID...` as mistakes.')
    return EXIT.ok
  })
}

/** `revenant sources apply ID...` and `revenant sources dismiss ID...` */
export async function decide(
  context: CommandContext,
  ids: readonly string[],
  decision: HeldDecision,
  options: { json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const deps = { ...runtime.feedDeps.intake(operator()), feed: (id: string) => runtime.feeds.byId(id)?.feed }
    const decided = await decideHeld(ids, decision, deps)
    if (decision.is === 'apply') await runtime.tick()
    const sentence = `${decided.length} ${decision.is === 'apply' ? 'applied' : 'dismissed'}.`
    const lines = [sentence, ...decided.flatMap((each) => decidedLine(each, runtime.now()))]
    return done(context.io, options.json, { [decision.is]: decided }, lines.join('\n'))
  })
}

function answerLines(row: ToldStatement, now: Temporal.Instant): string[] {
  const { id, identity, called, source } = row
  const { same, other } = answersTo(row)
  const who = identity?.externalId ?? called
  return [
    `  ${id}`,
    `    apply                 the same person: ${wordsOf(who, same, now)}${same.standing === 'active' ? ', and a departure that this source told of is taken back' : ''}`,
    `    apply --as ANOTHER-ID somebody else, whom ${source.name} calls ${called} too: added, and ${wordsOf('ANOTHER-ID', other, now)}; nothing changes for ${who}`,
  ]
}

function missingLines(row: ToldStatement, now: Temporal.Instant): string[] {
  const { id, identity, called } = row
  const who = identity?.externalId ?? called
  return [
    `  ${id}`,
    `    apply                 ${wordsOf(who, answersTo(row).same, now)}`,
    `    dismiss               ${who} stays as they are`,
  ]
}

function wordsOf(who: string, { standing, at }: AppliedTo, now: Temporal.Instant): string {
  switch (standing) {
    case 'terminated': {
      const leaves = at !== null && Temporal.Instant.compare(Temporal.Instant.from(at), now) > 0
      return `${who} ${leaves ? 'leaves' : 'has left'}${at === null ? '' : `, ${minute(at)}`}, and what they held is tried`
    }
    case 'suspended':
      return `${who} is suspended`
    case 'active':
      return `${who} is here`
    default:
      return `${who} stays as they are`
  }
}

/** What a decision has done, by name. */
function decidedLine({ taken, identity }: Decided, now: Temporal.Instant): string[] {
  if (taken === undefined || identity === undefined) return []
  const { externalId, terminatedAt, suspendedAt } = identity
  const is =
    terminatedAt !== null
      ? `${Temporal.Instant.compare(terminatedAt, now) > 0 ? 'leaves' : 'has left'}, ${minute(terminatedAt.toString())}`
      : suspendedAt !== null
        ? 'is suspended'
        : 'is here'
  return [`  ${externalId} ${is} (${taken.outcome})`]
}

function minute(at: string): string {
  return Temporal.Instant.from(at).toString({ smallestUnit: 'minute' })
}
