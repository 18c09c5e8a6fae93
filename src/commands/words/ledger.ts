import type { Command } from 'commander'
import { type Act, positive } from './act.ts'

export function addLedger(program: Command, act: Act): void {
  const ledger = program
    .command('ledger')
    .description('the signed log of what was found and done')
    .addHelpText('after', LEDGER_HELP)
  ledger
    .command('status', { isDefault: true })
    .description('which log, how large, what waits, which keys verify it')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../ledger.ts')).status(c, options)))
  ledger
    .command('checkpoint')
    .description('the newest checkpoint, a signed note')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../ledger.ts')).checkpoint(c, options)))
  ledger
    .command('proof <id>')
    .description('proof that a row was logged, to be checked offline: a tlog-proof')
    .option('--json', 'one JSON document for each entry of the row', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('../ledger.ts')).proof(c, id, options)))
  ledger
    .command('verify')
    .description('check the stored log, from the rows up to the signatures; exit 3 when something is false')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../ledger.ts')).verify(c, options)))
  ledger
    .command('anchors')
    .description('who else was told of checkpoints, the newest first')
    .option('--now', 'have the newest one anchored first', false)
    .option('--limit <n>', 'rows', positive, 20)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { now: boolean; limit: number; json: boolean }) =>
        (await import('../ledger.ts')).anchors(c, options),
      ),
    )
  ledger
    .command('rotate-key')
    .description('sign with a new key; the log says so, signed by the old one')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../ledger.ts')).rotateKey(c, options)))
}

const LEDGER_HELP = `
Examples:
  revenant ledger status
  revenant ledger checkpoint > checkpoint
  revenant ledger proof 0198f3c2-7a51-7d1e-8000-0123456789ab > finding.tlog-proof

What is logged, and how to check it with other tools: docs/ledger.md`
