import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { VERSION } from '../daemon/version.ts'
import { ERRORS, RevenantError, toError } from '../domain/error.ts'
import { type CommandContext, type CommandRequest, RanElsewhere } from './context.ts'
import { EXIT, unexpected } from './io.ts'

/**
 * Runs one command line and answers its exit code: 0 done, 1 our fault, 2 unusable input; `scan` and `try` say more with 3 and 4.
 * Every module of a command is loaded when that command is used, so that `--help` is quick.
 */
export async function runCommand(request: CommandRequest): Promise<number> {
  const { io } = request
  let exit = 0
  const program = buildProgram(request, (code) => {
    exit = code
  })
  try {
    await program.parseAsync([...request.argv], { from: 'user' })
    return exit
  } catch (thrown) {
    if (thrown instanceof RanElsewhere) return thrown.exit
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.input
    const error = toError(thrown)
    // What fails after Ctrl-C fails because of it.
    if (io.signal.aborted) {
      io.err('revenant: stopped\n')
      return EXIT.fault
    }
    if (error instanceof RevenantError) {
      io.err(`revenant: ${error.message}\n`)
      return ERRORS[error.code] === 'input' ? EXIT.input : EXIT.fault
    }
    io.err(unexpected(error))
    return EXIT.fault
  }
}

/** commander repeats the words of the command line, and a slip can put the secret there. */
function withoutArguments(text: string): string {
  return text
    .replace(/ but got (\d+): .*\.$/ms, ' but got $1. Secrets come by standard input or files.')
    .replace(/(unknown option '(?:--[^'=]{1,40}|-[^-]))[^']*'/, "$1'")
}

function buildProgram(request: CommandRequest, exitWith: (code: number) => void): Command {
  const { io } = request
  const program = new Command('revenant')
    .description('Replays the credentials of terminated identities and tells which still open a door.')
    .version(VERSION, '-V, --version')
    .option('-c, --config <file>', 'configuration file (REVENANT_CONFIG)', request.configPath)
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) => write(withoutArguments(text)),
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
    .addHelpText('after', HELP)
  const context = (): CommandContext => ({
    io,
    run: runCommand,
    argv: request.argv,
    configPath: request.runtime === undefined ? String(program.opts().config) : request.configPath,
    runtime: request.runtime,
  })
  const act =
    <Args extends unknown[]>(work: (context: CommandContext, ...args: Args) => Promise<number>) =>
    async (...args: Args) =>
      exitWith(await work(context(), ...args))

  program
    .command('run')
    .description('run the daemon until it is stopped; SIGHUP reads the configuration again')
    .action(act(async (c) => (await import('./run.ts')).run(c)))

  const demo = program
    .command('demo')
    .description('run the daemon against a bundled lab of real servers')
    .addHelpText('after', DEMO_HELP)
  demo
    .command('start', { isDefault: true })
    .description('start the lab and the daemon, and show what they find')
    .option('--once', 'exit after the first full sweep, with the summary', false)
    .action(act(async (c, options: { once: boolean }) => (await import('./demo.ts')).start(c, options)))
  for (const action of ['revoke', 'restore'] as const) {
    demo
      .command(`${action} <door>`)
      .description(`${action} a credential in the running lab`)
      .action(act(async (c, door: string) => (await import('./demo.ts')).change(c, action, door)))
  }
  demo
    .command('doors')
    .description('list what can be revoked and restored in the running lab')
    .action(act(async (c) => (await import('./demo.ts')).doors(c)))

  program
    .command('scan')
    .description('sweep everything that is due now and say how things stand')
    .requiredOption('--once', 'one sweep, then exit')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', SCAN_HELP)
    .action(act(async (c, options: { json: boolean }) => (await import('./scan.ts')).scan(c, options)))

  program
    .command('try <kind>')
    .description('replay one secret, read as JSON from standard input, once')
    .requiredOption('--target <json>', 'where to: JSON, or @file')
    .option('--json', 'one JSON document', false)
    .option('--no-controls', 'leave out the decoys: the answer then proves less')
    .option('--timeout <seconds>', 'for each attempt', positive, 10)
    .addHelpText('after', TRY_HELP)
    .action(
      act(async (c, kind: string, options: { target: string; json: boolean; controls: boolean; timeout: number }) =>
        (await import('./try.ts')).tryOnce(c, kind, { ...options, timeoutMs: options.timeout * 1_000 }),
      ),
    )

  addIntake(program, act)
  addFindings(program, act)
  addLedger(program, act)
  addEvidence(program, act)
  addOperations(program, act)
  return program
}

type Act = <Args extends unknown[]>(
  work: (context: CommandContext, ...args: Args) => Promise<number>,
) => (...args: Args) => Promise<void>

function addIntake(program: Command, act: Act): void {
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
          (await import('./import.ts')).importFile(c, what, file, options),
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
        (await import('./identities.ts')).list(c, options),
      ),
    )
  identities
    .command('terminate <external-id>')
    .description('start the clock: its credentials are tried at once')
    .option('--at <instant>', 'when it left, such as 2027-01-31T18:00:00Z; left out: now')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { at?: string; json: boolean }) =>
        (await import('./identities.ts')).terminate(c, id, options),
      ),
    )
  identities
    .command('reinstate <external-id>')
    .description('it came back: its credentials are no longer tried')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('./identities.ts')).reinstate(c, id, options)))
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
        (await import('./credentials.ts')).list(c, options),
      ),
    )
  credentials
    .command('retire <id>')
    .description('stop trying a credential and shred its secret; its history stays')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('./credentials.ts')).retire(c, id, options)))
  credentials
    .command('repin <id>')
    .description('take what a reference holds now for the secret, and check it as a new one')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('./credentials.ts')).repin(c, id, options)))
}

function addLedger(program: Command, act: Act): void {
  const ledger = program
    .command('ledger')
    .description('the signed log of what was found and done')
    .addHelpText('after', LEDGER_HELP)
  ledger
    .command('status', { isDefault: true })
    .description('which log, how large, what waits, which keys verify it')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./ledger.ts')).status(c, options)))
  ledger
    .command('checkpoint')
    .description('the newest checkpoint, a signed note')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./ledger.ts')).checkpoint(c, options)))
  ledger
    .command('proof <id>')
    .description('proof that a row was logged, to be checked offline: a tlog-proof')
    .option('--json', 'one JSON document for each entry of the row', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('./ledger.ts')).proof(c, id, options)))
  ledger
    .command('verify')
    .description('check the stored log, from the rows up to the signatures; exit 3 when something is false')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./ledger.ts')).verify(c, options)))
  ledger
    .command('anchors')
    .description('who else was told of checkpoints, the newest first')
    .option('--now', 'have the newest one anchored first', false)
    .option('--limit <n>', 'rows', positive, 20)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, options: { now: boolean; limit: number; json: boolean }) =>
        (await import('./ledger.ts')).anchors(c, options),
      ),
    )
  ledger
    .command('rotate-key')
    .description('sign with a new key; the log says so, signed by the old one')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./ledger.ts')).rotateKey(c, options)))
}

function addFindings(program: Command, act: Act): void {
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
    .action(act(async (c, options: import('./findings.ts').ListOptions) => (await import('./findings.ts')).list(c, options)))
  findings
    .command('show <id>')
    .description('one finding: the answer that proves it, its controls and its history')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, id: string, options: { json: boolean }) => (await import('./findings.ts')).show(c, id, options)))
  findings
    .command('acknowledge <id>')
    .description('somebody works on it: no more reminders')
    .requiredOption('--note <text>', 'what is being done')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { note: string; json: boolean }) =>
        (await import('./findings.ts')).acknowledge(c, id, options),
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
      act(async (c, id: string, options: import('./findings.ts').ExemptOptions) =>
        (await import('./findings.ts')).exempt(c, id, options),
      ),
    )
  findings
    .command('resolve <id>')
    .description('close by hand what nothing tries any more: a retired credential, somebody who came back')
    .requiredOption('--note <text>', 'why')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, id: string, options: { note: string; json: boolean }) =>
        (await import('./findings.ts')).resolve(c, id, options),
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
        (await import('./alerts.ts')).list(c, options),
      ),
    )
  alerts
    .command('test <sink>')
    .description('send a sample, marked as a test, and say what the receiver answered')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, sink: string, options: { json: boolean }) => (await import('./alerts.ts')).test(c, sink, options)))
  alerts
    .command('preview')
    .description('print what a receiver would get of the last alert of a finding; nothing is sent')
    .requiredOption('--finding <id>', 'id of the finding, or its end')
    .requiredOption('--format <name>', 'json, ocsf, ecs, cef, leef, udm, caep, slack, teams, pagerduty, mail or text')
    .option('--group', 'together with the other findings of the same identity, as one message', false)
    .option('--json', 'one JSON document: body, content type, subject, alternatives', false)
    .action(
      act(async (c, options: import('./alerts-preview.ts').PreviewOptions) =>
        (await import('./alerts-preview.ts')).preview(c, options),
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
        (await import('./alerts.ts')).redrive(c, id, options),
      ),
    )
}

function addEvidence(program: Command, act: Act): void {
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
    .action(act(async (c, options: import('./report.ts').EvidenceOptions) => (await import('./report.ts')).evidence(c, options)))
  for (const what of ['oscal', 'poam'] as const) {
    scoped(report.command(what))
      .description(
        what === 'oscal' ? 'write OSCAL assessment results' : 'write an OSCAL plan of action and milestones for what is open',
      )
      .requiredOption('--out <file>', 'a file that does not exist yet')
      .option('--json', 'one JSON document', false)
      .action(
        act(async (c, options: import('./report.ts').ScopeOptions & { out: string; json: boolean }) =>
          (await import('./report.ts')).oscal(c, what, options),
        ),
      )
  }
  within(report.command('statement <name>'))
    .description('answer one question: leavers, revocation, unverified, gaps, exemptions, operators or open-items')
    .option('--limit <n>', 'rows', positive)
    .option('--csv', 'as CSV', false)
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, name: string, options: import('./report.ts').StatementOptions) =>
        (await import('./report.ts')).statement(c, name, options),
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
      act(async (c, bundle: string, options: import('./verify.ts').VerifyCommandOptions) =>
        (await import('./verify.ts')).verify(c, bundle, options),
      ),
    )
}

function addOperations(program: Command, act: Act): void {
  const systems = program.command('systems').description('the downstream systems')
  systems
    .command('list', { isDefault: true })
    .description('every system, whether it is tried and how its controls stand')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./systems.ts')).list(c, options)))
  systems
    .command('rebind <name>')
    .description('let the secrets of a system open for its new address')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, name: string, options: { json: boolean }) => (await import('./systems.ts')).rebind(c, name, options)))
  program
    .command('pause [system]')
    .description('stop replays, of one system or of all')
    .option('--all', 'every system', false)
    .option('--note <text>', 'why', '')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string | undefined, options: { all: boolean; note: string; json: boolean }) =>
        (await import('./systems.ts')).pause(c, name, options),
      ),
    )
  program
    .command('resume [system]')
    .description('let replays go on')
    .option('--all', 'lift the pause of everything', false)
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string | undefined, options: { all: boolean; json: boolean }) =>
        (await import('./systems.ts')).resume(c, name, options),
      ),
    )
  const keys = program.command('keys').description('the keys that seal secrets')
  keys
    .command('list', { isDefault: true })
    .description('the keys by their ids, and how much each of them protects')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./keys.ts')).list(c, options)))
  keys
    .command('rotate')
    .description('make new keys and seal every secret anew, while the daemon runs')
    .option('--drop-old', 'forget the old ring keys afterwards (old backups then need the old ring file)', false)
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { dropOld: boolean; json: boolean }) => (await import('./keys.ts')).rotate(c, options)))
  program
    .command('doctor')
    .description('check database, keys, clock, systems and receivers, and say what to mend')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./doctor.ts')).doctor(c, options)))
  program
    .command('config')
    .description('the configuration file')
    .command('check')
    .description('list every fault with its line')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('./config.ts')).check(c, options)))
}

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value <= 0 || value > 1_000_000) throw new InvalidArgumentError('give a whole number above 0')
  return value
}

const HELP = `
Begin:
  revenant demo                                  see it find doors that are still open, in a lab of its own
  revenant config check                          list every fault of the configuration
  revenant import identities leavers.csv         who left, and when
  revenant import credentials held.jsonl         what they held
  revenant scan --once                           sweep now; exit 3 when somebody is still let in
  revenant run                                   the daemon

Secrets are read from files or standard input, never from arguments.`

const DEMO_HELP = `
Examples:
  revenant demo                    until Ctrl-C
  revenant demo --once             one sweep, then the summary
  revenant demo revoke DOOR        in another terminal: watch the finding resolve
  revenant demo restore DOOR       and watch it come back`

const SCAN_HELP = `
Exit codes: 0 nothing open, 3 residual access, 4 none seen but something unverified, 2 unusable input, 1 our fault.`

const TRY_HELP = `
Examples:
  revenant try postgres --target '{"host":"db.internal","database":"payroll"}' --json < secret.json
  revenant try github --target @target.json < token.json
  where secret.json is, for instance, {"username":"anna","password":"..."}

Exit codes: 0 accepted, 3 rejected, 4 inconclusive, 2 unusable input, 1 our fault.`

const IMPORT_HELP = `
Examples:
  revenant import identities leavers.csv --dry-run
  revenant import credentials held.jsonl
  fetch-leavers | revenant import identities - --format jsonl

Good rows are kept, bad ones are listed with their line; the same file twice changes nothing. Columns: docs/import.md`

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

const LEDGER_HELP = `
Examples:
  revenant ledger status
  revenant ledger checkpoint > checkpoint
  revenant ledger proof 0198f3c2-7a51-7d1e-8000-0123456789ab > finding.tlog-proof

What is logged, and how to check it with other tools: docs/ledger.md`

const FINDINGS_HELP = `
Examples:
  revenant findings list --min-severity high
  revenant findings show 1f3a9c02
  revenant findings acknowledge 1f3a9c02 --note "ticket SEC-411"
  revenant findings exempt 1f3a9c02 --owner dba@example.com --reason "cut-over on 1 March" --until 2027-03-01T00:00:00Z`
