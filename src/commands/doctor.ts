import { type CheckLevel, type DoctorCheck, examine } from '../daemon/doctor.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { EXIT, json, line, style } from './io.ts'

/**
 * `revenant doctor`: checks database, keys, clock, each system's reachability and controls, each receiver, and says what to mend.
 * A stranger and, where configured, the canary are tried; no leaver's credential is. Exit 0 when nothing failed, 1 otherwise.
 */
export async function doctor(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    let failed = false
    for await (const check of examine(runtime, context.configPath)) {
      failed ||= check.level === 'fail'
      print(context, check, options.json)
    }
    return failed ? EXIT.fault : EXIT.ok
  })
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
