import type { Command } from 'commander'
import { type Act, positive } from './act.ts'

export function addIntake(program: Command, act: Act): void {
  const intake = program
    .command('import')
    .description('bring in who left and what they held (CSV or JSON Lines)')
    .addHelpText('after', IMPORT_HELP)
  for (const what of ['identities', 'credentials'] as const) {
    intake
      .command(`${what} <file>`)
      .description(
        what === 'identities'
          ? 'people, service accounts and agents, and when they left'
          : 'what they held, with the secret or a reference to it',
      )
      .option('--dry-run', 'check everything, change nothing', false)
      .option('--format <format>', 'csv or jsonl; left out: by the file name, which `-` (standard input) does not have')
      .option('--json', 'one JSON document', false)
      .action(
        act(async (c, file: string, options: { dryRun: boolean; format?: string; json: boolean }) =>
          (await import('../import.ts')).importFile(c, what, file, options),
        ),
      )
  }
  const identities = program.command('identities').description('who is known, and who has left')
  identities
    .command('list', { isDefault: true })
    .description('everybody, what they held and how it stands')
    .option('--terminated', 'only those who have left', false)
    .option('--limit <n>', 'rows', positive, 100)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { terminated: boolean; limit: number; json: boolean }) =>
        (await import('../identities.ts')).list(c, options),
      ),
    )
  identities
    .command('terminate <external-id>')
    .description('start the clock: its credentials are tried at once')
    .option('--at <instant>', 'when it left, such as 2027-01-31T18:00:00Z; left out: now')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { at?: string; json: boolean }) =>
        (await import('../identities.ts')).terminate(c, id, options),
      ),
    )
  identities
    .command('reinstate <external-id>')
    .description('it came back: its credentials are no longer tried')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { json: boolean }) => (await import('../identities.ts')).reinstate(c, id, options)),
    )
  const credentials = program.command('credentials').description('what is tried, and how it stands')
  credentials
    .command('list', { isDefault: true })
    .description('every credential, its last verdict and when it is tried next')
    .option('--system <name>', 'only those of this system')
    .option('--identity <external-id>', 'only what this identity held')
    .option('--limit <n>', 'rows', positive, 100)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { system?: string; identity?: string; limit: number; json: boolean }) =>
        (await import('../credentials.ts')).list(c, options),
      ),
    )
  credentials
    .command('retire <id>')
    .description('stop trying a credential and shred its secret; its history stays')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('../credentials.ts')).retire(c, id, options)))
  credentials
    .command('repin <id>')
    .description('take what a reference holds now for the secret, and check it as a new one')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('../credentials.ts')).repin(c, id, options)))
}

const IMPORT_HELP = `
Examples:
  revenant import identities leavers.csv --dry-run
  revenant import credentials held.jsonl
  fetch-leavers | revenant import identities - --format jsonl

Good rows are kept, bad ones are listed with their line; the same file twice changes nothing. Columns: docs/import.md`
