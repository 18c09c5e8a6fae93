import { checkKeys, type KeysReport, type LossReason } from '../custody/check-keys.ts'
import { type CommandContext, withStore } from './context.ts'
import { counted, EXIT, type Io, json, line } from './io.ts'

/** `revenant keys check`: what the keys open, what they no longer open, and what to do. Exit 3: something is lost. */
export async function check(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withStore(context, async ({ config, store, secrets }) => {
    const report = await checkKeys({ db: store.db, keyRingPath: config.keyRing, wraps: secrets.wraps() })
    const advice = adviceOf(report)
    if (options.json) json(context.io, { ...report, advice })
    else show(context.io, report, advice)
    return isWhole(report) ? EXIT.ok : EXIT.found
  })
}

function isWhole({ ring, secrets, dataKeys, ledgerKeysMissing }: KeysReport): boolean {
  return ring.state === 'open' && secrets.lost === 0 && !ledgerKeysMissing && dataKeys.every(({ state }) => state === 'open')
}

const REASONS: Readonly<Record<LossReason, string>> = {
  ring_closed: 'the key ring is not open',
  ring_key_missing: 'the ring lacks the key that wraps its data key',
  data_key_missing: 'its data key is not in the database',
  data_key_broken: 'its data key was changed',
  seal_broken: 'its seal, or the binding of its reference, was changed',
}

/** So many lost secrets are shown one by one; all of them are in the JSON. */
const SHOWN = 20

function show(
  io: Io,
  { ring, dataKeys, secrets, systems, lost, ledgerKeysMissing }: KeysReport,
  advice: readonly string[],
): void {
  line(io, `key ring  ${ring.path}  ${standOf(ring)}`)
  if (ring.fault !== null) line(io, `  ${ring.fault}`)
  for (const key of ring.keys)
    line(
      io,
      `ring  ${key.id}  made ${key.createdAt.toString()}${key.active ? '  active' : ''}  ${ring.state === 'open' ? 'opens' : 'CANNOT BE OPENED'}`,
    )
  for (const key of dataKeys)
    line(
      io,
      `data  ${key.id}  under ${key.ringKeyId}  ${key.state === 'open' ? 'opens' : `CANNOT BE OPENED: ${REASONS[key.state]}`}`,
    )
  if (ledgerKeysMissing) line(io, 'ledger  the keys that sign it CANNOT BE USED')
  line(io, `${counted(secrets.held, 'secret')} held, ${secrets.open} open, ${secrets.lost} can no longer be opened`)
  for (const { system, lost: count } of systems) line(io, `  ${system}: ${counted(count, 'credential')}`)
  for (const each of lost.slice(0, SHOWN))
    line(io, `  ${each.credentialId}  ${each.identity} at ${each.system} (${each.label}), ${each.kept}: ${REASONS[each.reason]}`)
  if (lost.length > SHOWN) line(io, `  and ${lost.length - SHOWN} more: --json lists them all`)
  for (const each of advice) line(io, each)
}

/** Of a file that could not be read nobody knows whether it is wrapped. */
function standOf({ state, tooOpen, wrappedWith, keys }: KeysReport['ring']): string {
  if (keys.length === 0) return state
  const wrapped = wrappedWith === null ? 'not wrapped' : `wrapped with ${wrappedWith}`
  return `${state}, ${wrapped}${tooOpen === null ? '' : `, mode ${tooOpen}`}`
}

/** What to do, the most promising first. */
function adviceOf({ ring, secrets, systems, dataKeys, lost, ledgerKeysMissing }: KeysReport): string[] {
  const advice: string[] = []
  if (ring.state === 'missing') advice.push(`Restore ${ring.path} from its backup: nothing else opens what is sealed.`)
  if (ring.state === 'closed' && ring.tooOpen !== null)
    advice.push(
      `Run chmod 600 ${ring.path}: a ring that others can use is not opened.${ring.wrappedWith === null ? ' Where they have read it, run keys rotate --drop-old then.' : ''}`,
    )
  else if (ring.state === 'closed')
    advice.push(
      ring.wrappedWith === null
        ? `Restore ${ring.path} from its backup, or mend what is said above.`
        : `Make ${ring.wrappedWith} available again, or restore a copy of ${ring.path} that is wrapped with something you have. If the passphrase or the key is gone for good, so is what it protects.`,
    )
  if (dataKeys.some(({ state }) => state === 'ring_key_missing'))
    advice.push(
      'Restore the ring that belongs to this database: this one lacks keys. An older backup of the database needs the ring of its time.',
    )
  if (dataKeys.some(({ state }) => state === 'data_key_broken') || lost.some(({ reason }) => reason === 'data_key_missing'))
    advice.push('Restore the table data_key from a backup of the database, and find out who wrote to it.')
  if (lost.some(({ reason }) => reason === 'seal_broken'))
    advice.push('Import the credentials anew whose seal was changed, and find out who wrote to the table secret.')
  if (secrets.lost > 0)
    advice.push(
      `Until then ${counted(secrets.lost, 'credential')} at ${counted(systems.length, 'system')} cannot be judged: their trials say inconclusive / secret_unavailable, never rejected. What cannot be restored has to be imported again or, at its system, be taken away by hand.`,
    )
  if (ledgerKeysMissing)
    advice.push(
      'The ledger cannot be signed: restore the ring, or go on with a new key (revenant ledger rotate-key), and tell those who verify the log why.',
    )
  return advice
}
