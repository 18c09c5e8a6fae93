import type { Command } from 'commander'
import { type Act, collect, positive } from './act.ts'

export function addEvidence(program: Command, act: Act): void {
  const report = program.command('report').description('evidence of a period, for auditors').addHelpText('after', REPORT_HELP)
  const within = (command: Command) =>
    command
      .requiredOption('--from <instant>', 'begin of the period, such as 2027-01-01T00:00:00Z')
      .requiredOption('--to <instant>', 'its end, not included')
      .option('--identity <external-id>', 'only what concerns this identity')
      .option('--system <name>', 'only what concerns this system')
  const scoped = (command: Command) =>
    within(command)
      .option('--framework <name>', 'only what speaks to this framework of frameworks.yaml, such as nist_800_53')
      .option('--control <id>', 'only what speaks to this requirement of it, such as "AC-2(3)"')
  scoped(report.command('evidence'))
    .description('write a signed bundle that can be verified offline')
    .requiredOption('--out <path>', 'a folder that does not exist yet, or a file NAME.zip')
    .option('--since-checkpoint <file>', 'prove that the log continues this checkpoint, which the auditor holds')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, options: import('../report.ts').EvidenceOptions) => (await import('../report.ts')).evidence(c, options)),
    )
  for (const what of ['oscal', 'poam'] as const) {
    scoped(report.command(what))
      .description(
        what === 'oscal' ? 'write OSCAL assessment results' : 'write an OSCAL plan of action and milestones for what is open',
      )
      .requiredOption('--out <file>', 'a file that does not exist yet')
      .option('--json', 'one JSON document', false)
      .action(
        act(async (c, options: import('../report.ts').ScopeOptions & { out: string; json: boolean }) =>
          (await import('../report.ts')).oscal(c, what, options),
        ),
      )
  }
  within(report.command('statement <name>'))
    .description('answer one question: leavers, revocation, unverified, gaps, exemptions, operators or open-items')
    .option('--limit <n>', 'rows', positive)
    .option('--csv', 'as CSV', false)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, name: string, options: import('../report.ts').StatementOptions) =>
        (await import('../report.ts')).statement(c, name, options),
      ),
    )
  program
    .command('verify <bundle>')
    .description('check an evidence bundle, a folder or a ZIP, offline')
    .option('--vkey <key>', 'the log key that you were told; may be given more than once', collect, [])
    .option('--checkpoint <file>', 'an older checkpoint of the log, which the bundle must continue')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', VERIFY_HELP)
    .action(
      act(async (c, bundle: string, options: import('../verify.ts').VerifyCommandOptions) =>
        (await import('../verify.ts')).verify(c, bundle, options),
      ),
    )
}

const REPORT_HELP = `
Examples:
  revenant report evidence --from 2027-01-01T00:00:00Z --to 2027-04-01T00:00:00Z --out q1.zip
  revenant report evidence --from 2027-01-01T00:00:00Z --to 2027-04-01T00:00:00Z --identity E10442 --out e10442
  revenant report oscal --from 2027-01-01T00:00:00Z --to 2027-04-01T00:00:00Z --out assessment-results.json
  revenant report statement leavers --from 2027-01-01T00:00:00Z --to 2027-04-01T00:00:00Z --csv > leavers.csv

What a bundle holds, and how an auditor checks it without Revenant: docs/evidence.md`

const VERIFY_HELP = `
Examples:
  revenant verify q1.zip --vkey "example.com/revenant+1a2b3c4d+AYx..."
  revenant verify q2.zip --checkpoint q1-checkpoint

Exit codes: 0 everything holds, 3 something is false, 2 no bundle that can be read, 1 our fault.`
