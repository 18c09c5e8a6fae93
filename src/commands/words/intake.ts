import type { Command } from 'commander'
import type { HandoverOptions } from '../handover.ts'
import { type Act, positive } from './act.ts'

export function addIntake(program: Command, act: Act): void {
  const intake = program
    .command('import')
    .description('bring in who left and what they held (CSV, JSON Lines, scanner reports, machines)')
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
      .option(
        '--format <format>',
        'csv or jsonl, or age for credentials that are encrypted; left out: by the file name, which `-` (standard input) does not have',
      )
      .option('--json', 'one JSON document', false)
      .action(
        act(async (c, file: string, options: { dryRun: boolean; format?: string; json: boolean }) =>
          (await import('../import.ts')).importFile(c, what, file, options),
        ),
      )
  }
  addFound(intake, act)
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
  addOwnership(program, identities, act)
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

function addOwnership(program: Command, identities: Command, act: Act): void {
  identities
    .command('show <name>')
    .description('everything about one: what it holds, what was found, what sources say, what it answers for')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string, options: { json: boolean }) => (await import('../identity-page.ts')).show(c, name, options)),
    )
  identities
    .command('transfer <external-id>')
    .description('make somebody else answer for a service or an agent')
    .requiredOption('--to <external-id>', 'the human who does from now on')
    .option('--note <text>', 'why, for the record')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { to: string; note?: string; json: boolean }) =>
        (await import('../handover.ts')).transfer(c, id, options),
      ),
    )
  program
    .command('handover <leaver>')
    .description('somebody else takes over: what the leaver held must be refused by a date; once more: another date')
    .requiredOption('--to <external-id>', 'who takes over, with a credential of its own')
    .requiredOption('--by <instant>', 'from when on, such as 2027-01-31T18:00:00Z')
    .option('--credential <id>', 'only this one; may be repeated', (word: string, words: string[]) => [...words, word], [])
    .option('--owner <external-id>', "the human who answers for the leaver's services and agents; left out: --to, if it is one")
    .option('--note <text>', 'why, for the record')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, leaver: string, options: HandoverOptions) => (await import('../handover.ts')).handover(c, leaver, options)),
    )
  const handovers = program.command('handovers').description('agreed handovers, and what has become of them')
  handovers
    .command('list', { isDefault: true })
    .description('those that are running or overdue')
    .option('--identity <external-id>', 'of this leaver or receiver')
    .option('--all', 'those that are done or cancelled, too', false)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { identity?: string; all: boolean; json: boolean }) =>
        (await import('../handover.ts')).list(c, options),
      ),
    )
  handovers
    .command('cancel <id>')
    .description("the policy's deadlines count again; who owns what stays as it is")
    .option('--note <text>', 'why, for the record')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { note?: string; json: boolean }) =>
        (await import('../handover.ts')).cancel(c, id, options),
      ),
    )
}

interface FoundWords {
  dryRun: boolean
  json: boolean
  identity?: string
  account?: string
  map: string[]
  owner?: string[]
}

function addFound(intake: Command, act: Act): void {
  const each = (word: string, words: string[]) => [...words, word]
  intake
    .command('report <file>')
    .description('what TruffleHog, gitleaks or Kingfisher found (their JSON), each secret to its holder and its system')
    .option('--map <detector=system>', 'which system takes what this detector finds; may be repeated', each, [])
    .option('--owner <folder=external-id>', 'whose the files below a folder are; may be repeated', each, [])
    .option('--identity <external-id>', 'whose everything is that names nobody who is known')
    .option('--account <name>', 'who private keys log in as that name nobody')
    .option('--dry-run', 'check everything, change nothing', false)
    .option('--json', 'one JSON document', false)
    .addHelpText('after', FOUND_HELP)
    .action(
      act(async (c, file: string, options: FoundWords) => (await import('../import-found.ts')).importReport(c, file, options)),
    )
  intake
    .command('workstation <folder>')
    .description("the credential stores of a leaver's machine: .netrc, .npmrc, .pgpass, SSH keys, .env and more")
    .requiredOption('--identity <external-id>', 'whose machine it was')
    .option('--map <store=system>', 'which system takes what this store holds; may be repeated', each, [])
    .option('--account <name>', 'who private keys log in as that name nobody')
    .option('--dry-run', 'check everything, change nothing', false)
    .option('--json', 'one JSON document', false)
    .addHelpText('after', FOUND_HELP)
    .action(
      act(async (c, folder: string, options: FoundWords) =>
        (await import('../import-found.ts')).importWorkstation(c, folder, options),
      ),
    )
}

const FOUND_HELP = `
A secret goes only to a configured system whose origin is where it belongs. What has none, fits several, or names nobody who is
known is set aside and listed with the reason; nothing of it is guessed. Set-up and formats: docs/sources.md`

const IMPORT_HELP = `
Examples:
  revenant import identities leavers.csv --dry-run
  revenant import credentials held.jsonl
  revenant import credentials submission.age
  fetch-leavers | revenant import identities - --format jsonl
  trufflehog git https://github.com/acme/app --json | revenant import report -
  revenant import workstation /mnt/disk/home/anna --identity anna --dry-run

Good rows are kept, bad ones are listed with their line; the same file twice changes nothing. Columns: docs/import.md`
