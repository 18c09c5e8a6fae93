import { type CheckLevel, type DoctorCheck, examine } from '../daemon/doctor.ts'
import { examineApart } from '../daemon/doctor-apart.ts'
import { RevenantError } from '../domain/error.ts'
import { type CommandContext, configOf, withRuntime } from './context.ts'
import { EXIT, json, line, style } from './io.ts'

/**
 * `revenant doctor`: checks database, keys, clock, each system's reachability and controls, each receiver, and says what to mend.
 * A stranger and, where configured, the canary are tried; no leaver's credential is. Where Postgres is down, it checks what needs none.
 * Exit 0 when nothing failed, 1 otherwise.
 */
export async function doctor(context: CommandContext, options: { json: boolean }): Promise<number> {
  let opened = false
  try {
    return await withRuntime(context, async (runtime) => {
      opened = true
      return printAll(context, examine(runtime, context.configPath), options.json)
    })
  } catch (error) {
    const isDown = error instanceof RevenantError && error.code === 'DATABASE_UNAVAILABLE'
    if (opened || !isDown || context.runtime !== undefined) throw error
    const config = await configOf(context)
    // The embedded database is this machine's: the error says what to do, and a daemon may have said the rest.
    if (config.database.url === undefined) throw error
    return printAll(context, examineApart(config, error), options.json)
  }
}

async function printAll(context: CommandContext, checks: AsyncIterable<DoctorCheck>, asJson: boolean): Promise<number> {
  let failed = false
  for await (const check of checks) {
    failed ||= check.level === 'fail'
    print(context, check, asJson)
  }
  return failed ? EXIT.fault : EXIT.ok
}

const MARKS: Record<CheckLevel, { text: string; colour: 'green' | 'yellow' | 'red' }> = {
  ok: { text: 'ok  ', colour: 'green' },
  warn: { text: 'warn', colour: 'yellow' },
  fail: { text: 'FAIL', colour: 'red' },
}

function print({ io }: CommandContext, check: DoctorCheck, asJson: boolean): void {
  if (asJson) {
    json(io, check)
    return
  }
  const mark = MARKS[check.level]
  line(io, `${style(io, mark.colour, mark.text)}  ${check.name}: ${check.detail}`)
  if (check.mend !== undefined) line(io, `      -> ${check.mend}`)
}
