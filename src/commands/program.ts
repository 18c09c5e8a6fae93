import { Command, CommanderError } from 'commander'
import { VERSION } from '../daemon/version.ts'
import { ERRORS, RevenantError, toError } from '../domain/error.ts'
import { type CommandContext, type CommandRequest, RanElsewhere } from './context.ts'
import { EXIT, unexpected } from './io.ts'
import { addAccess } from './words/access.ts'
import { positive, waitingTime } from './words/act.ts'
import { addEvidence } from './words/evidence.ts'
import { addFindings } from './words/findings.ts'
import { addGrants } from './words/grants.ts'
import { addIntake } from './words/intake.ts'
import { addLedger } from './words/ledger.ts'
import { addOperations } from './words/operations.ts'
import { addSources } from './words/sources.ts'

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

/** The last words of the commands that take secrets: `try`, `import credentials`. */
const TAKE_SECRETS: ReadonlySet<string> = new Set(['try', 'credentials'])

/** commander repeats the words of the command line, and a slip can put the secret there. */
function withoutArguments(text: string): string {
  return text
    .replace(
      /( for '([^']*)'.*?) but got (\d+): .*\.$/ms,
      (_all, head: string, command: string, count: string) =>
        `${head} but got ${count}.${TAKE_SECRETS.has(command) ? ' Secrets come by standard input or files.' : ''}`,
    )
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
    page: request.page,
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
    .option(
      '--wait <duration>',
      'for alerts to reach their receivers (default: 30s; inside a daemon, which goes on, 0)',
      waitingTime,
    )
    .option('--json', 'one JSON document', false)
    .addHelpText('after', SCAN_HELP)
    .action(act(async (c, options: { json: boolean; wait?: number }) => (await import('./scan.ts')).scan(c, options)))

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
  addSources(program, act)
  addFindings(program, act)
  addGrants(program, act)
  addLedger(program, act)
  addEvidence(program, act)
  addOperations(program, act)
  addAccess(program, act)
  return program
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
Alerts that a receiver has not taken in time are named as pending: the daemon, or the next sweep, sends them.

Exit codes: 0 nothing open, 3 residual access, 4 none seen but something unverified, 2 unusable input, 1 our fault.`

const TRY_HELP = `
Examples:
  revenant try postgres --target '{"host":"db.internal","database":"payroll"}' --json < secret.json
  revenant try github --target @target.json < token.json
  where secret.json is, for instance, {"username":"anna","password":"..."}

Exit codes: 0 accepted, 3 rejected, 4 inconclusive, 2 unusable input, 1 our fault.`
