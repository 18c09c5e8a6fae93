import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { cancelHandover, handOver } from '../findings/handover.ts'
import { type OwnershipDeps, transferIdentity } from '../findings/ownership.ts'
import { HANDOVER_STATES, handoverPage } from '../store/handover.ts'
import { identityIdOf } from '../store/identity-page.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { instantOf } from './findings.ts'
import { counted, done, EXIT, json, line } from './io.ts'
import { ago, table } from './table.ts'
import { recordView } from './view.ts'

export interface HandoverOptions {
  to: string
  by: string
  credential: string[]
  owner?: string
  note?: string
  json: boolean
}

/** `revenant handover LEAVER --to IDENTITY --by INSTANT` */
export async function handover(context: CommandContext, leaver: string, options: HandoverOptions): Promise<number> {
  const by = instantOf('--by', options.by)
  const bad = options.credential.find((id) => !UUID.test(id))
  if (bad !== undefined)
    throw new RevenantError('INPUT_INVALID', `"${bad}" is no id of a credential: take one from \`revenant credentials list\``)
  return withRuntime(context, async (runtime) => {
    const { owner, note } = options
    const agreement = {
      ...{ leaver, receiver: options.to, by },
      ...(options.credential.length === 0 ? {} : { credentialIds: options.credential.map((id) => id.toLowerCase()) }),
      ...(owner === undefined ? {} : { owner }),
      ...(note === undefined ? {} : { note }),
    }
    const report = await handOver(agreement, ownershipDeps(runtime))
    const { created, credentials, left, transferred, orphaned } = report
    const services = [...transferred, ...orphaned]
    const sentences = [
      `${created ? 'Agreed' : 'Changed'}: ${counted(credentials, 'credential')} of ${leaver} must be refused from ${by.toString({ smallestUnit: 'second' })} on.`,
      left || credentials === 0 ? '' : ` ${leaver} is here: nothing is tried before its departure is recorded.`,
      transferred.length === 0 ? '' : ` ${owner ?? options.to} answers for ${transferred.join(', ')} now.`,
      orphaned.length === 0 ? '' : ` Nobody answers for ${orphaned.join(', ')}: name a human with --owner.`,
      services.length === 0
        ? ''
        : ` What ${leaver} knows of the secrets of ${services.length === 1 ? 'it' : 'these'} is not tried by that: where ${leaver} is not named among their holders, change them.`,
    ]
    return done(context.io, options.json, { leaver, ...report, by: by.toString() }, sentences.join(''))
  })
}

/** `revenant handovers list` */
export async function list(
  context: CommandContext,
  options: { identity?: string; all: boolean; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const now = runtime.now()
    const identityId = options.identity === undefined ? undefined : await identityIdOf(db, options.identity)
    if (options.identity !== undefined && identityId === undefined)
      throw new RevenantError('NOT_FOUND', `no identity has the external id ${JSON.stringify(options.identity)}`)
    const state = options.all ? undefined : HANDOVER_STATES.filter((each) => each === 'running' || each === 'overdue')
    const rows = await handoverPage(db, { identityId, state }, { sort: '-createdAt', after: undefined, limit: 500 }, now)
    await recordView(runtime, { action: 'identities.view', subject: options.identity ?? 'all', detail: { handovers: true } })
    const { io } = context
    if (options.json) {
      for (const { keys: _, ...row } of rows) json(io, row)
    } else if (rows.length === 0) {
      line(
        io,
        options.all
          ? 'No handover was agreed.'
          : 'No handover is running. `revenant handovers list --all` shows those that are over.',
      )
    } else {
      io.out(
        table(
          io,
          ['ID', 'LEAVER', 'TO', 'STATE', 'BY', 'CREDENTIALS', 'REFUSED', 'RETIRED', 'OPEN'],
          rows.map(({ id, leaver, receiver, state: stands, by, credentials }) => [
            ...[id, leaver.externalId, receiver.externalId, stands, ago(now, Temporal.Instant.from(by))],
            ...[String(credentials.total), String(credentials.refused), String(credentials.retired), String(credentials.open)],
          ]),
        ),
      )
    }
    return EXIT.ok
  })
}

/** `revenant handovers cancel ID` */
export async function cancel(context: CommandContext, id: string, options: { note?: string; json: boolean }): Promise<number> {
  if (!UUID.test(id))
    throw new RevenantError('INPUT_INVALID', `"${id}" is no id of a handover: take one from \`revenant handovers list\``)
  return withRuntime(context, async (runtime) => {
    const { credentials } = await cancelHandover(id, options.note, ownershipDeps(runtime))
    return done(
      context.io,
      options.json,
      { handover: id, credentials },
      `Cancelled: the policy's deadline counts again for ${counted(credentials, 'credential')}. Who owns what stays as it is.`,
    )
  })
}

/** `revenant identities transfer NAME --to OWNER` */
export async function transfer(
  context: CommandContext,
  externalId: string,
  options: { to: string; note?: string; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const changed = await transferIdentity(externalId, options.to, options.note, ownershipDeps(runtime))
    return done(
      context.io,
      options.json,
      { identity: externalId, owner: options.to, changed },
      changed
        ? `${options.to} answers for ${externalId} now.`
        : `${options.to} answers for ${externalId} already: nothing changed.`,
    )
  })
}

function ownershipDeps({ store: { db }, now, config, raise }: Runtime): OwnershipDeps {
  return { db, actor: operator(), now, policy: config.policy, raise }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
