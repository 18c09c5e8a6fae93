import type { Command } from 'commander'
import { type Act, positive } from './act.ts'

export function addFindings(program: Command, act: Act): void {
  const findings = program
    .command('findings')
    .description('who is still let in, and what could not be told')
    .addHelpText('after', FINDINGS_HELP)
  findings
    .command('list', { isDefault: true })
    .description('the open findings')
    .option('--all', 'resolved ones too', false)
    .option('--kind <kind>', 'only this kind, such as residual_access')
    .option('--min-severity <severity>', 'info, low, medium, high or critical, and what is above')
    .option('--system <name>', 'only those of this system')
    .option('--identity <external-id>', 'only those of this identity')
    .option('--limit <n>', 'rows', positive, 100)
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: import('../findings.ts').ListOptions) => (await import('../findings.ts')).list(c, options)))
  findings
    .command('show <id>')
    .description('one finding: the answer that proves it, its controls and its history')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('../findings.ts')).show(c, id, options)))
  findings
    .command('acknowledge <id>')
    .description('somebody works on it: no more reminders')
    .requiredOption('--note <text>', 'what is being done')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { note: string; json: boolean }) =>
        (await import('../findings.ts')).acknowledge(c, id, options),
      ),
    )
  findings
    .command('exempt <id>')
    .description('accept it for a while; it is still tried and recorded')
    .requiredOption('--owner <who>', 'who answers for it')
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--until <instant>', 'when the exemption ends')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: import('../findings.ts').ExemptOptions) =>
        (await import('../findings.ts')).exempt(c, id, options),
      ),
    )
  findings
    .command('resolve <id>')
    .description('close by hand what nothing tries any more: a retired credential, somebody who came back')
    .requiredOption('--note <text>', 'why')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { note: string; json: boolean }) =>
        (await import('../findings.ts')).resolve(c, id, options),
      ),
    )
  const alerts = program.command('alerts').description('what was sent, and what was not')
  alerts
    .command('list', { isDefault: true })
    .description('the latest alerts, to whom and how far they came')
    .option('--dead', 'only those that were given up', false)
    .option('--sink <name>', 'only those for this receiver')
    .option('--limit <n>', 'rows', positive, 50)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { json: boolean; dead: boolean; sink?: string; limit: number }) =>
        (await import('../alerts.ts')).list(c, options),
      ),
    )
  alerts
    .command('test <sink>')
    .description('send a sample, marked as a test, and say what the receiver answered')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, sink: string, options: { json: boolean }) => (await import('../alerts.ts')).test(c, sink, options)))
  alerts
    .command('preview')
    .description('print what a receiver would get of the last alert of a finding; nothing is sent')
    .requiredOption('--finding <id>', 'id of the finding, or its end')
    .requiredOption('--format <name>', 'json, ocsf, ecs, cef, leef, udm, caep, slack, teams, pagerduty, mail or text')
    .option('--group', 'together with the other findings of the same identity, as one message', false)
    .option('--json', 'one JSON document: body, content type, subject, alternatives', false)
    .action(
      act(async (c, options: import('../alerts-preview.ts').PreviewOptions) =>
        (await import('../alerts-preview.ts')).preview(c, options),
      ),
    )
  alerts
    .command('redrive [id]')
    .description('send dead alerts again')
    .option('--sink <name>', 'those for this receiver')
    .option('--all', 'every dead one', false)
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string | undefined, options: { sink?: string; all: boolean; json: boolean }) =>
        (await import('../alerts.ts')).redrive(c, id, options),
      ),
    )
}

const FINDINGS_HELP = `
Examples:
  revenant findings list --min-severity high
  revenant findings show 1f3a9c02
  revenant findings acknowledge 1f3a9c02 --note "ticket SEC-411"
  revenant findings exempt 1f3a9c02 --owner dba@example.com --reason "cut-over on 1 March" --until 2027-03-01T00:00:00Z`
